/**
 * The node's access log: append-only, hash-chained lines of JSON in segments of equal length, on disk before the caller
 * gets an answer. When the writer cannot write it stays stopped and every later append is refused, so that nothing
 * happens unseen.
 */
import { type FileHandle, mkdir, open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type AccessEntry,
  type AccessEvent,
  CHAIN_START,
  type ChainFault,
  type ChainHead,
  checkLine,
  headAfter,
  nextEntry,
} from "./access-chain.ts";
import { PRIVATE_FILE, PRIVATE_FOLDER, syncFolder } from "./atomic-file.ts";
import { StoreError } from "./store-error.ts";

export const ACCESS_LOG_FOLDER = "access-log";
/** Entries per file, so that a batch is read without reading the whole log. */
const SEGMENT_ENTRIES = 10_000;
const SEGMENT_NAME = /^access-(\d{12})\.ndjson$/;
const LINE_BREAK = 0x0a;

export interface AccessLog {
  /** Resolves once the entry is on disk. Throws StoreError ERR_STORE_ACCESS_LOG_STOPPED. */
  append(event: AccessEvent): Promise<AccessEntry>;
  /** Entries [from, to) that are on disk. */
  read(from: number, to: number): Promise<readonly AccessEntry[]>;
  /** Number of entries on disk. */
  size(): number;
  stopped(): boolean;
  close(): Promise<void>;
}

export interface AccessLogReport {
  /** After the last sound entry. */
  readonly head: ChainHead;
  readonly fault?: { readonly file: string; readonly line: number; readonly reason: ChainFault | "missing" };
  /** An append that was cut off and never acknowledged: bytes after the last line break of the last segment. */
  readonly tornBytes: number;
}

interface Waiting {
  readonly entry: AccessEntry;
  readonly resolve: (entry: AccessEntry) => void;
  readonly reject: (error: unknown) => void;
}

const segmentOf = (sequence: number): string =>
  `access-${String(sequence - (sequence % SEGMENT_ENTRIES)).padStart(12, "0")}.ndjson`;

/** Checks every segment of the folder in order; stops at the first fault. An absent folder is an empty log. */
export async function verifyAccessLog(dir: string): Promise<AccessLogReport> {
  const folder = join(dir, ACCESS_LOG_FOLDER);
  const names = (await readdir(folder).catch(() => [])).filter((name) => SEGMENT_NAME.test(name)).sort();
  let head = CHAIN_START;
  let tornBytes = 0;
  for (const [index, file] of names.entries()) {
    if (file !== segmentOf(head.entries)) return { head, fault: { file, line: 1, reason: "missing" }, tornBytes: 0 };
    const bytes = await readFile(join(folder, file));
    const sound = bytes.lastIndexOf(LINE_BREAK) + 1;
    const lines = bytes.subarray(0, sound).toString("utf8").split("\n").slice(0, -1);
    for (const [at, line] of lines.entries()) {
      const entry = checkLine(head, line);
      if (typeof entry === "string") return { head, fault: { file, line: at + 1, reason: entry }, tornBytes: 0 };
      head = headAfter(entry);
    }
    tornBytes = bytes.length - sound;
    const last = index === names.length - 1;
    if (!last && tornBytes > 0) {
      return { head, fault: { file, line: lines.length + 1, reason: "syntax" }, tornBytes: 0 };
    }
  }
  return { head, tornBytes };
}

/**
 * Verifies the whole chain, drops a torn last line, and goes on behind it. Throws ERR_STORE_ACCESS_LOG_TAMPERED.
 * `onFailure` hears of the write that stopped it.
 */
export async function openAccessLog(
  dir: string,
  now: () => string,
  onFailure: () => void = () => undefined,
): Promise<AccessLog> {
  const folder = join(dir, ACCESS_LOG_FOLDER);
  await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
  const { head, fault, tornBytes } = await verifyAccessLog(dir);
  if (fault !== undefined) {
    throw new StoreError(
      "ERR_STORE_ACCESS_LOG_TAMPERED",
      `${join(folder, fault.file)}: line ${fault.line} fails (${fault.reason}); keep the folder as evidence, then restore it`,
    );
  }
  if (tornBytes > 0) await dropTornBytes(join(folder, await lastSegment(folder)), tornBytes);
  return createWriter({ folder, now, head, onFailure });
}

const lastSegment = async (folder: string): Promise<string> =>
  (await readdir(folder))
    .filter((name) => SEGMENT_NAME.test(name))
    .sort()
    .at(-1)!;

async function dropTornBytes(path: string, tornBytes: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    const { size } = await file.stat();
    await file.truncate(size - tornBytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

function createWriter(start: { folder: string; now: () => string; head: ChainHead; onFailure: () => void }): AccessLog {
  const { folder, now, onFailure } = start;
  let { head } = start;
  let onDisk = head.entries;
  let queue: Waiting[] = [];
  let failure: unknown;
  let writing: Promise<void> | undefined;
  let segment: { readonly name: string; readonly file: FileHandle } | undefined;

  const stoppedError = () =>
    new StoreError("ERR_STORE_ACCESS_LOG_STOPPED", "the access log cannot be written; calls are refused until it can", {
      cause: failure,
    });

  async function segmentFor(sequence: number): Promise<FileHandle> {
    const name = segmentOf(sequence);
    if (segment?.name === name) return segment.file;
    await segment?.file.close();
    segment = { name, file: await open(join(folder, name), "a", PRIVATE_FILE) };
    await syncFolder(folder);
    return segment.file;
  }

  async function write(batch: readonly Waiting[]): Promise<void> {
    for (const part of Map.groupBy(batch, ({ entry }) => segmentOf(entry.sequence)).values()) {
      const file = await segmentFor(part[0]!.entry.sequence);
      await file.appendFile(part.map(({ entry }) => `${JSON.stringify(entry)}\n`).join(""));
      await file.datasync();
    }
  }

  // One fsync covers everything that came in while the one before was running.
  async function drain(): Promise<void> {
    while (queue.length > 0 && failure === undefined) {
      const batch = queue;
      queue = [];
      try {
        await write(batch);
        onDisk += batch.length;
        for (const { entry, resolve } of batch) resolve(entry);
      } catch (error) {
        failure = error;
        onFailure();
        for (const { reject } of [...batch, ...queue]) reject(stoppedError());
        queue = [];
      }
    }
    writing = undefined;
  }

  return Object.freeze({
    append(event: AccessEvent) {
      if (failure !== undefined) return Promise.reject(stoppedError());
      const entry = nextEntry(head, now(), event);
      head = headAfter(entry);
      return new Promise<AccessEntry>((resolve, reject) => {
        queue.push({ entry, resolve, reject });
        writing ??= drain();
      });
    },
    async read(from: number, to: number) {
      const end = Math.min(to, onDisk);
      const entries: AccessEntry[] = [];
      for (let at = from - (from % SEGMENT_ENTRIES); at < end; at += SEGMENT_ENTRIES) {
        const lines = (await readFile(join(folder, segmentOf(at)), "utf8")).split("\n");
        const wanted = lines.slice(Math.max(0, from - at), Math.min(SEGMENT_ENTRIES, end - at));
        for (const line of wanted) entries.push(JSON.parse(line) as AccessEntry);
      }
      return entries;
    },
    size: () => onDisk,
    stopped: () => failure !== undefined,
    async close() {
      await writing;
      failure ??= new Error("closed");
      await segment?.file.close();
      segment = undefined;
    },
  });
}
