/**
 * Secrets of running computations: one 0600 file each, unlinked at the end. They live outside LevelDB because LevelDB
 * keeps deleted values in its files, and outside every backup because a restored secret could be used twice.
 */
import { readdir, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import { overwriteFile, syncFolder } from "./atomic-file.ts";

export const INFLIGHT_FOLDER = "inflight";
const SUFFIX = ".json";
const NAME = /^[a-z0-9][a-z0-9-]{0,127}$/;

export interface InflightSecrets {
  /** Undefined when there is none. `name` is a computation id, optionally with a role suffix (`<uuid>-receiver`). */
  get<T>(name: string): Promise<T | undefined>;
  /** On disk (fsync and rename) when it resolves. */
  put(name: string, value: unknown): Promise<void>;
  /** Unlinks; absent is fine. */
  erase(name: string): Promise<void>;
  names(): Promise<readonly string[]>;
}

export function openInflight(dir: string): InflightSecrets {
  const folder = join(dir, INFLIGHT_FOLDER);
  const path = (name: string): string => {
    if (!NAME.test(name)) throw new TypeError(`name: expected ${NAME}, got ${JSON.stringify(name)}`);
    return join(folder, name + SUFFIX);
  };
  return Object.freeze({
    async get<T>(name: string) {
      const text = await readFile(path(name), "utf8").catch(absent);
      return text === undefined ? undefined : (JSON.parse(text) as T);
    },
    put: (name: string, value: unknown) => overwriteFile(path(name), JSON.stringify(value)),
    async erase(name: string) {
      const file = path(name);
      const rests = ((await readdir(folder).catch(absent)) ?? [])
        .filter((found) => found.startsWith(`${name}${SUFFIX}.`))
        .map((found) => join(folder, found));
      // Also what a crash in the middle of a `put` has left.
      const gone = await Promise.all([file, ...rests].map((one) => unlink(one).then(() => true, absent)));
      if (gone.includes(true)) await syncFolder(folder);
    },
    async names() {
      const files = (await readdir(folder).catch(absent)) ?? [];
      return files.filter((file) => file.endsWith(SUFFIX)).map((file) => file.slice(0, -SUFFIX.length));
    },
  });
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
