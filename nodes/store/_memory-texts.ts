/** A store of texts without a disk. */
import type { TextChange, TextRange, TextStore } from "./texts.ts";

export function memoryTexts(): TextStore {
  const texts = new Map<string, string>();
  const isIn = (key: string, { gte, gt, lt, lte }: TextRange) =>
    (gte === undefined || key >= gte) &&
    (gt === undefined || key > gt) &&
    (lt === undefined || key < lt) &&
    (lte === undefined || key <= lte);
  return {
    get: (key) => texts.get(key),
    opened: async () => undefined,
    async keys(range) {
      const found = [...texts.keys()].filter((key) => isIn(key, range)).sort();
      if (range.reverse === true) found.reverse();
      return range.limit < 0 ? found : found.slice(0, range.limit);
    },
    async write(changes: readonly TextChange[]) {
      for (const { key, text } of changes) text === undefined ? texts.delete(key) : texts.set(key, text);
    },
    async clear() {
      texts.clear();
    },
  };
}
