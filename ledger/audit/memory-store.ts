/** The contract's state in memory, for re-execution. Keys are grouped by their folder, so that ranges stay cheap. */
import type { StateStore } from "../../chaincode/rules/host.ts";

export function memoryStore(): StateStore {
  const values = new Map<string, unknown>();
  const folders = new Map<string, string[]>();
  /** Folders that have folders below them. */
  const parents = new Set<string>();
  /** Keys that are in no folder yet: most of them are never part of a range. */
  let fresh: string[] = [];
  const folderOf = (key: string) => key.slice(0, key.lastIndexOf("/") + 1);
  const openFolder = (folder: string): string[] => {
    const keys: string[] = [];
    folders.set(folder, keys);
    for (let parent = folder; parent !== ""; ) {
      parent = folderOf(parent.slice(0, -1));
      parents.add(parent);
    }
    return keys;
  };
  const file = (): void => {
    for (const key of fresh) {
      const folder = folderOf(key);
      (folders.get(folder) ?? openFolder(folder)).push(key);
    }
    fresh = [];
  };
  return Object.freeze({
    get: async (key: string) => values.get(key),
    put: async (key: string, value: unknown) => {
      if (!values.has(key)) fresh.push(key);
      values.set(key, value);
    },
    async *range(prefix: string) {
      file();
      // Almost every range is one whole folder; anything else looks through all of them.
      const exact = parents.has(prefix) ? undefined : folders.get(prefix);
      const keys = exact ?? [...folders.values()].flat();
      for (const key of keys.filter((name) => name.startsWith(prefix)).sort()) {
        yield [key, values.get(key)] as const;
      }
    },
  });
}
