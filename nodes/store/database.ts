/**
 * One LevelDB per node under `<dir>/store/`. It holds the format version and the lock that keeps a second process out.
 * A newer format is refused, and so is one that no migration leads from; any other older one is copied to
 * `<dir>/store-backup-v<N>/` and then migrated step by step.
 */
import { access, cp, mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Level } from "level";
import { PRIVATE_FOLDER, syncFolder } from "./atomic-file.ts";
import { StoreError } from "./store-error.ts";

export const STORE_FORMAT = 2;
export const STORE_FOLDER = "store";
const META = "meta";
const DURABLE: object = { sync: true };

export type Database = Level<string, string>;

/** Brings a database from format N to N + 1. */
export type Migration = (database: Database) => Promise<void>;

/** `MIGRATIONS[n]` migrates format n to n + 1. */
const MIGRATIONS: Readonly<Record<number, Migration>> = Object.freeze({});

export interface DatabaseOptions {
  /** Format this code writes; only tests pass another. */
  readonly format?: number;
  readonly migrations?: Readonly<Record<number, Migration>>;
}

/** Throws StoreError when another process uses the folder, the format is newer, or the files are damaged. */
export async function openDatabase(dir: string, options: DatabaseOptions = {}): Promise<Database> {
  const format = options.format ?? STORE_FORMAT;
  const location = join(dir, STORE_FOLDER);
  await mkdir(location, { recursive: true, mode: PRIVATE_FOLDER });
  const database = await openLevel(location);
  const found = await database.sublevel(META).get("format");
  if (found === undefined) {
    await database.sublevel(META).put("format", String(format), DURABLE);
    return database;
  }
  const version = Number(found);
  if (version > format) {
    await database.close();
    throw new StoreError(
      "ERR_STORE_FORMAT_NEWER",
      `${location}: format ${version}, this program knows up to ${format}; start it with the newer program`,
    );
  }
  if (version === format) return database;
  return await migrate(database, dir, version, format, options.migrations ?? MIGRATIONS);
}

async function openLevel(location: string): Promise<Database> {
  const database: Database = new Level(location, { valueEncoding: "utf8" });
  try {
    await database.open();
    return database;
  } catch (error) {
    const cause = (error as { cause?: { code?: string } }).cause;
    if (cause?.code === "LEVEL_LOCKED") {
      throw new StoreError("ERR_STORE_LOCKED", `${location}: in use by another process; stop that node first`, {
        cause: error,
      });
    }
    throw new StoreError("ERR_STORE_CORRUPT", `${location}: cannot be opened; restore it from a backup`, {
      cause: error,
    });
  }
}

async function migrate(
  database: Database,
  dir: string,
  from: number,
  to: number,
  migrations: Readonly<Record<number, Migration>>,
): Promise<Database> {
  const location = join(dir, STORE_FOLDER);
  await database.close();
  const missing = Array.from({ length: to - from }, (_, at) => from + at).find(
    (step) => migrations[step] === undefined,
  );
  if (missing !== undefined) {
    throw new StoreError(
      "ERR_STORE_FORMAT_OLDER",
      `${location}: format ${from}, and nothing leads from format ${missing} to ${to}; make a new node folder`,
    );
  }
  await copyOnce(location, join(dir, `${STORE_FOLDER}-backup-v${from}`));
  const reopened = await openLevel(location);
  for (let version = from; version < to; version++) {
    await migrations[version]!(reopened).catch(async (error) => {
      await reopened.close();
      throw error;
    });
    await reopened.sublevel(META).put("format", String(version + 1), DURABLE);
  }
  return reopened;
}

/** A copy that is there is whole, and older than whatever an unfinished migration has done since. */
async function copyOnce(location: string, copy: string): Promise<void> {
  const exists = await access(copy).then(
    () => true,
    () => false,
  );
  if (exists) return;
  const unfinished = `${copy}.tmp`;
  await rm(unfinished, { recursive: true, force: true });
  await cp(location, unfinished, { recursive: true });
  await rename(unfinished, copy);
  await syncFolder(dirname(copy));
}
