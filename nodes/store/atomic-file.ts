/** File verbs that survive a crash: a file is either the old one or the new one, and on disk when the call resolves. */
import { randomBytes } from "node:crypto";
import { closeSync, constants, fdatasync, fsync, mkdirSync, openSync, writeFile, writeFileSync } from "node:fs";
import { link, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";

export const PRIVATE_FILE = 0o600;
export const PRIVATE_FOLDER = 0o700;

/** Writes through a temporary file, fsync and rename. Creates the folder (0700) when absent. */
export async function overwriteFile(path: string, data: string | Uint8Array, mode = PRIVATE_FILE): Promise<void> {
  const temporary = await writeTemporary(path, data, mode);
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** As `overwriteFile`, but refuses with EEXIST when the file is there. */
export async function createFile(path: string, data: string | Uint8Array, mode = PRIVATE_FILE): Promise<void> {
  const temporary = await writeTemporary(path, data, mode);
  try {
    await link(temporary, path);
  } finally {
    await unlink(temporary);
  }
  await syncFolder(dirname(path));
}

async function writeTemporary(path: string, data: string | Uint8Array, mode: number): Promise<string> {
  mkdirSync(dirname(path), { recursive: true, mode: PRIVATE_FOLDER });
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  const file = openSync(temporary, "wx", mode);
  try {
    await writeAll(file, data);
    await disk.synced(file);
  } catch (error) {
    await unlink(temporary);
    throw error;
  } finally {
    closeSync(file);
  }
  return temporary;
}

/** Adds to a file that is there, with its data on disk when it resolves. */
export async function appendFile(path: string, data: string): Promise<void> {
  // Not created here: a file that is gone was erased.
  const file = openSync(path, constants.O_WRONLY | constants.O_APPEND);
  try {
    await writeAll(file, data);
    await disk.dataSynced(file);
  } finally {
    closeSync(file);
  }
}

export async function syncFolder(path: string): Promise<void> {
  const folder = openSync(path, "r");
  try {
    await disk.synced(folder);
  } finally {
    closeSync(folder);
  }
}

// What only reaches the operating system's memory takes microseconds; each visit of the thread pool would wait there
// behind every fsync before it. Only the disk is waited for, and what is large is not copied in one go.
const LARGE = 256 * 1024;
/** One place, where the crash suite sees every fsync of a single file. */
export const disk = { synced: promisify(fsync), dataSynced: promisify(fdatasync) };
const writeAll = async (file: number, data: string | Uint8Array): Promise<void> =>
  data.length > LARGE ? await promisify(writeFile)(file, data) : writeFileSync(file, data);
