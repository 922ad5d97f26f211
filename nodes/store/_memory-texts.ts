/** A store of texts without a disk. */
import type { TextChange, TextRange, TextStore } from "./texts.ts";

export function memoryTexts(): TextStore {
  const texts = new Map<string, string | Uint8Array>();
  const isIn = (key: string, { gte, gt, lt, lte }: TextRange) =>
    (gte === undefined || key >= gte) &&
    (gt === undefined || key > gt) &&
    (lt === undefined || key < lt) &&
    (lte === undefined || key <= lte);
  return {
    get: (key) => texts.get(key) as string | undefined,
    bytes: (key) => texts.get(key) as Uint8Array | undefined,
    opened: async () => undefined,
    async keys(range) {
      const found = [...texts.keys()].filter((key) => isIn(key, range)).sort();
      if (range.reverse === true) found.reverse();
      return range.limit < 0 ? found : found.slice(0, range.limit);
    },
    async write(changes: readonly TextChange[]) {
      for (const { key, value } of changes) value === undefined ? texts.delete(key) : texts.set(key, value);
    },
    async clear() {
      texts.clear();
    },
  };
}
