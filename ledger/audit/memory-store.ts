/** The contract's state in memory, for re-execution. Keys are grouped by their folder, so that ranges stay cheap. */
import type { StateStore } from "../../chaincode/rules/host.ts";

export function memoryStore(): StateStore {
  const values = new Map<string, unknown>();
  const folders = new Map<string, string[]>();
  const folderOf = (key: string) => key.slice(0, key.lastIndexOf("/") + 1);
  return Object.freeze({
    get: async (key: string) => values.get(key),
    put: async (key: string, value: unknown) => {
      if (!values.has(key)) {
        const folder = folderOf(key);
        const keys = folders.get(folder);
        if (keys === undefined) folders.set(folder, [key]);
        else keys.push(key);
      }
      values.set(key, value);
    },
    async *range(prefix: string) {
      // Almost every range is one whole folder; anything else looks through all of them.
      const exact = folders.get(prefix);
      const isLeaf = exact?.every((key) => !folders.has(`${key}/`));
      const keys = exact !== undefined && isLeaf ? exact : [...folders.values()].flat();
      for (const key of keys.filter((name) => name.startsWith(prefix)).sort()) {
        yield [key, values.get(key)] as const;
      }
    },
  });
}
