/**
 * Backup and restore of a stopped node. A backup is a folder of plain files and a manifest with their digests. Secrets
 * of running computations are left out on purpose: a restored node that used them again would reveal a difference.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Level } from "level";
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { Code, Count, closed, Digest, Instant, MemberId } from "../../chaincode/rules/vocabulary.ts";
import type { Problem } from "../../policies/model/problem.ts";
import { TOKEN_FILE } from "../config/api-token.ts";
import { CONFIG_FILE, loadConfig } from "../config/node-config.ts";
import { KEYS_FOLDER } from "../config/node-keys.ts";
import { ACCESS_LOG_FOLDER, verifyAccessLog } from "../store/access-log.ts";
import { createFile, PRIVATE_FILE, PRIVATE_FOLDER } from "../store/atomic-file.ts";
import { type Database, openDatabase, STORE_FOLDER, STORE_FORMAT } from "../store/database.ts";
import { NETWORK_FILE, readNetworkFile } from "./network/network-file.ts";
import { LEDGER_FOLDER } from "./open-ledger.ts";

const MANIFEST_FILE = "manifest.json";
const BACKUP_FORMAT = "sealane/backup/v1";
const FILES = [CONFIG_FILE, NETWORK_FILE, TOKEN_FILE] as const;
const FOLDERS = [KEYS_FOLDER, ACCESS_LOG_FOLDER] as const;
/** LevelDB folders: copied entry by entry, because an open one changes its files by itself. */
const DATABASES = [STORE_FOLDER, LEDGER_FOLDER] as const;
const BATCH_ENTRIES = 1_000;
/** LevelDB's lock and log of its own doings say nothing about the data. */
const LEFT_OUT: readonly string[] = ["LOCK", "LOG", "LOG.old"];

const Manifest = closed({
  format: Type.Literal(BACKUP_FORMAT),
  member: MemberId,
  network: Type.Optional(Code),
  createdAt: Instant,
  storeFormat: Count,
  files: Type.Array(
    closed({
      path: Type.String({ pattern: "^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)?$", maxLength: 300 }),
      bytes: Count,
      digest: Digest,
    }),
  ),
});
export type Manifest = Static<typeof Manifest>;

export const BACKUP_ERRORS = ["ERR_BACKUP_EXISTS", "ERR_BACKUP_INVALID", "ERR_BACKUP_NEWER"] as const;
export const BACKUP_PROBLEM_CODES = [
  "backup-file-missing",
  "backup-file-changed",
  "backup-log-broken",
  "backup-without-manifest",
] as const;
export class BackupError extends Error {
  override readonly name = "BackupError";
  readonly code: (typeof BACKUP_ERRORS)[number];
  /** What exactly is wrong, where the code alone does not say it. */
  readonly problems: readonly Problem<(typeof BACKUP_PROBLEM_CODES)[number]>[];

  constructor(
    code: (typeof BACKUP_ERRORS)[number],
    message: string,
    options: { cause?: unknown; problem?: BackupError["problems"][number] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.problems = options.problem === undefined ? [] : [options.problem];
  }
}

/**
 * Throws StoreError ERR_STORE_LOCKED while the node runs, BackupError ERR_BACKUP_EXISTS when `target` is not empty. The
 * node cannot start before the copy is whole. `onCopied` is told of each file and folder.
 */
export async function backupNode(options: {
  dir: string;
  target: string;
  now: string;
  onCopied?: (path: string) => Promise<void>;
}): Promise<Manifest> {
  const { dir, target, onCopied = async () => undefined } = options;
  const config = await loadConfig(dir);
  const network = await readNetworkFile(dir);
  await demandEmpty(target);
  const lock = await openDatabase(dir);
  try {
    for (const path of await filesOf(dir, FILES, FOLDERS)) {
      const copy = join(target, path);
      await mkdir(dirname(copy), { recursive: true, mode: PRIVATE_FOLDER });
      await copyFile(join(dir, path), copy);
      await onCopied(path);
    }
    await copyEntries(lock, join(target, STORE_FOLDER));
    await onCopied(STORE_FOLDER);
    if (await exists(join(dir, LEDGER_FOLDER))) {
      const ledger: Database = new Level(join(dir, LEDGER_FOLDER), { valueEncoding: "utf8" });
      await ledger.open();
      await copyEntries(ledger, join(target, LEDGER_FOLDER)).finally(() => ledger.close());
      await onCopied(LEDGER_FOLDER);
    }
  } finally {
    await lock.close();
  }
  const files: Manifest["files"] = [];
  for (const path of await filesOf(target, FILES, [...FOLDERS, ...DATABASES])) {
    const copy = join(target, path);
    await chmod(copy, PRIVATE_FILE);
    files.push({ path, bytes: (await stat(copy)).size, digest: await digestOfFile(copy) });
  }
  const manifest: Manifest = {
    format: BACKUP_FORMAT,
    member: config.member.id,
    ...(network === undefined ? {} : { network: network.network }),
    createdAt: options.now,
    storeFormat: STORE_FORMAT,
    files,
  };
  // Last: a folder with a manifest is a whole backup.
  await createFile(join(target, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/** Reads every file against the manifest. Throws BackupError naming the first file that is missing or changed. */
export async function verifyBackup(source: string): Promise<Manifest> {
  const manifest = await readManifest(source);
  if (manifest.storeFormat > STORE_FORMAT) {
    throw new BackupError(
      "ERR_BACKUP_NEWER",
      `${source}: made by a newer program (store format ${manifest.storeFormat})`,
    );
  }
  for (const { path, bytes, digest } of manifest.files) {
    const found = await digestOfFile(join(source, path)).catch((cause) => {
      const problem = { field: path, code: "backup-file-missing", parameters: {} } as const;
      throw new BackupError("ERR_BACKUP_INVALID", `${path}: missing from the backup`, { cause, problem });
    });
    if (found !== digest) {
      const problem = { field: path, code: "backup-file-changed", parameters: { bytes } } as const;
      throw new BackupError("ERR_BACKUP_INVALID", `${path}: changed since the backup (${bytes} bytes then)`, {
        problem,
      });
    }
  }
  const { fault } = await verifyAccessLog(source);
  if (fault === undefined) return manifest;
  const { file, line, reason } = fault;
  const problem = { field: `${file}:${line}`, code: "backup-log-broken", parameters: { reason } } as const;
  throw new BackupError("ERR_BACKUP_INVALID", `${file}: line ${line} breaks the chain (${reason})`, { problem });
}

/** Verifies first, then fills `dir`, which must not exist or be empty. The restored node can be started. */
export async function restoreNode(options: { source: string; dir: string }): Promise<Manifest> {
  const { source, dir } = options;
  await demandEmpty(dir);
  const manifest = await verifyBackup(source);
  const staging = `${dir}.restoring`;
  await rm(staging, { recursive: true, force: true });
  for (const { path } of manifest.files) {
    const copy = join(staging, path);
    await mkdir(dirname(copy), { recursive: true, mode: PRIVATE_FOLDER });
    await copyFile(join(source, path), copy);
    await chmod(copy, PRIVATE_FILE);
  }
  await (await openDatabase(staging)).close();
  await rm(dir, { recursive: true, force: true });
  await rename(staging, dir);
  return manifest;
}

async function readManifest(source: string): Promise<Manifest> {
  const path = join(source, MANIFEST_FILE);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new BackupError("ERR_BACKUP_INVALID", `${path}: cannot be read; this is no finished backup`, {
      cause,
      problem: { field: path, code: "backup-without-manifest", parameters: {} },
    });
  }
  if (Compile(Manifest).Check(value)) return value;
  throw new BackupError("ERR_BACKUP_INVALID", `${path}: not a manifest of this program`, {
    problem: { field: path, code: "backup-without-manifest", parameters: {} },
  });
}

/** One moment of `from`, as entries of a new database. */
async function copyEntries(from: Database, location: string): Promise<void> {
  await mkdir(location, { recursive: true, mode: PRIVATE_FOLDER });
  const raw = { keyEncoding: "buffer", valueEncoding: "buffer" } as const;
  const copy = new Level<Uint8Array, Uint8Array>(location, raw);
  await copy.open();
  try {
    const entries = from.iterator<Uint8Array, Uint8Array>(raw);
    for (let more = await entries.nextv(BATCH_ENTRIES); more.length > 0; more = await entries.nextv(BATCH_ENTRIES)) {
      const operations = more.map(([key, value]) => ({ type: "put" as const, key, value }));
      await copy.batch(operations, { sync: true } as object);
    }
    await entries.close();
  } finally {
    await copy.close();
  }
}

async function filesOf(dir: string, files: readonly string[], folders: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const file of files) if (await exists(join(dir, file))) found.push(file);
  for (const folder of folders) {
    const names = await readdir(join(dir, folder)).catch(() => []);
    for (const name of names) if (!LEFT_OUT.includes(name)) found.push(`${folder}/${name}`);
  }
  return found;
}

async function demandEmpty(path: string): Promise<void> {
  const names = await readdir(path).catch(() => []);
  if (names.length > 0) throw new BackupError("ERR_BACKUP_EXISTS", `${path}: not empty; choose another folder`);
}

async function digestOfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of createReadStream(path)) hash.update(part as Buffer);
  return hash.digest("base64url");
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
