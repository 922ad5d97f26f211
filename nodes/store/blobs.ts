/**
 * Bytes by id, for what would be too large as JSON: a file each under `<dir>/<name>/`. Not in LevelDB, which writes them
 * several times over, maps whatever was read into the process, and gives the room back only as it compacts its files.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { readdir, rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import { overwriteFile, PRIVATE_FOLDER, syncFolder } from "./atomic-file.ts";
import { isDiskFull } from "./records.ts";
import { StoreError } from "./store-error.ts";

/** Ids are `<folder>/<part>/<part>…`; each is `[a-z0-9-]+`. */
export interface BlobStore {
  /** What is on disk, at once. */
  get(id: string): Uint8Array | undefined;
  /** On disk when it resolves; those of `instead`, of the same folder, are gone before it is there. */
  put(id: string, bytes: Uint8Array, instead?: readonly string[]): Promise<void>;
  /** Everything in the folder is gone when it resolves. */
  erase(folder: string): Promise<void>;
  /** None where there is no such folder. */
  ids(folder: string): Promise<readonly string[]>;
  folders(): Promise<readonly string[]>;
}

const ID = /^[a-z0-9-]+(?:\/[a-z0-9-]+)+$/;
const FOLDER = /^[a-z0-9-]+$/;
/** A name in a folder; what a crash has left in the middle of a `put` has another ending. */
const FILE = /^[a-z0-9-]+(?:\.[a-z0-9-]+)*\.blob$/;
const ENDING = ".blob";

export function openBlobs(dir: string, name: string): BlobStore {
  const root = join(dir, name);
  const folderOf = (folder: string): string => {
    if (!FOLDER.test(folder)) throw new TypeError(`folder: expected ${FOLDER}, got ${JSON.stringify(folder)}`);
    return join(root, folder);
  };
  const pathOf = (id: string): string => {
    if (!ID.test(id)) throw new TypeError(`id: expected ${ID}, got ${JSON.stringify(id)}`);
    const [folder, ...parts] = id.split("/") as [string, ...string[]];
    return join(root, folder, parts.join(".") + ENDING);
  };

  async function write(id: string, bytes: Uint8Array, instead: readonly string[]): Promise<void> {
    const path = pathOf(id);
    const folder = folderOf(id.slice(0, id.indexOf("/")));
    if (mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER }) !== undefined) {
      await syncFolder(dir);
      await syncFolder(root);
    }
    if (instead.length > 0) {
      await Promise.all(instead.map((one) => unlink(pathOf(one)).catch(absent)));
      await syncFolder(folder);
    }
    await overwriteFile(path, bytes);
  }

  return Object.freeze({
    get(id: string) {
      const path = pathOf(id);
      try {
        return readFileSync(path);
      } catch (error) {
        return absent(error as NodeJS.ErrnoException);
      }
    },
    async put(id: string, bytes: Uint8Array, instead: readonly string[] = []) {
      try {
        await write(id, bytes, instead);
      } catch (cause) {
        if (!isDiskFull(cause)) throw cause;
        throw new StoreError("ERR_STORE_FULL", "the disk did not take a file; nothing was written. Make room", {
          cause,
        });
      }
    },
    async erase(folder: string) {
      await rm(folderOf(folder), { recursive: true, force: true });
    },
    async ids(folder: string) {
      const files = (await readdir(folderOf(folder)).catch(absent)) ?? [];
      const whole = files.filter((file) => FILE.test(file)).sort();
      return whole.map((file) => `${folder}/${file.slice(0, -ENDING.length).replaceAll(".", "/")}`);
    },
    async folders() {
      return ((await readdir(root).catch(absent)) ?? []).filter((folder) => FOLDER.test(folder)).sort();
    },
  });
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
