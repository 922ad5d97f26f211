/**
 * The node's access log: append-only, hash-chained lines of JSON, on disk before the caller gets an answer. When the
 * writer cannot write it stays stopped and every later append is refused, so that nothing happens unseen.
 */
import { type FileHandle, mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { Count, closed, Digest, Instant } from "../../chaincode/rules/vocabulary.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { PRIVATE_FILE, PRIVATE_FOLDER } from "./atomic-file.ts";
import { StoreError } from "./store-error.ts";

export const ACCESS_LOG_FOLDER = "access-log";
const FILE = "access.ndjson";
/** "Previous digest" of the first entry. */
const GENESIS = digestOf({ log: "sealane/access/v1" });

export const AccessEvent = closed({
  /** Who: a member id, or `<member>/<operator>` for people on the management interface. */
  actor: Type.String({ maxLength: 200 }),
  /** What, for example `POST /api/v1/members/:id/admit`. Route patterns, never values. */
  action: Type.String({ maxLength: 300 }),
  /** On which thing: an id, never a value. */
  target: Type.String({ maxLength: 300 }),
  /** HTTP status or a stable code. */
  outcome: Type.String({ maxLength: 100 }),
});
export type AccessEvent = Static<typeof AccessEvent>;

export const AccessEntry = closed({
  sequence: Count,
  time: Instant,
  event: AccessEvent,
  previous: Digest,
  /** digestOf({sequence, time, event, previous}). */
  digest: Digest,
});
export type AccessEntry = Static<typeof AccessEntry>;

export interface AccessLog {
  /** Resolves once the entry is on disk. Throws StoreError ERR_STORE_ACCESS_LOG_STOPPED. */
  append(event: AccessEvent): Promise<AccessEntry>;
  /** Entries [from, to). */
  read(from: number, to: number): Promise<readonly AccessEntry[]>;
  /** Number of entries on disk. */
  size(): number;
  stopped(): boolean;
  close(): Promise<void>;
}

export interface AccessLogReport {
  readonly entries: number;
  /** Digest of the last sound entry. */
  readonly head: string;
  readonly problem?: { readonly line: number; readonly reason: "syntax" | "schema" | "sequence" | "chain" | "digest" };
  /** Bytes after the last line break: an append that was cut off and never acknowledged. */
  readonly tornBytes: number;
}

interface Waiting {
  readonly entry: AccessEntry;
  readonly resolve: (entry: AccessEntry) => void;
  readonly reject: (error: unknown) => void;
}

const entryCheck = Compile(AccessEntry);

/** Verifies the whole chain, drops a torn last line, and goes on behind it. Throws ERR_STORE_ACCESS_LOG_TAMPERED. */
export async function openAccessLog(dir: string, now: () => string): Promise<AccessLog> {
  const folder = join(dir, ACCESS_LOG_FOLDER);
  await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
  const path = join(folder, FILE);
  const file = await open(path, "a+", PRIVATE_FILE);
  const text = await readFile(path, "utf8");
  const report = verifyAccessLog(text);
  if (report.problem !== undefined) {
    await file.close();
    throw new StoreError(
      "ERR_STORE_ACCESS_LOG_TAMPERED",
      `${path}: line ${report.problem.line} fails (${report.problem.reason}); keep the file as evidence and restore it`,
    );
  }
  if (report.tornBytes > 0) await file.truncate(Buffer.byteLength(text) - report.tornBytes);
  return createWriter({ file, path, now, size: report.entries, head: report.head });
}

/** Checks syntax, sequence, chain and digests of the log's text; stops at the first problem. */
export function verifyAccessLog(text: string): AccessLogReport {
  const lines = text.split("\n");
  const tornBytes = Buffer.byteLength(lines.pop() ?? "");
  let head = GENESIS;
  for (const [index, line] of lines.entries()) {
    const reason = checkLine(line, index, head);
    if (typeof reason === "string") {
      return { entries: index, head, problem: { line: index + 1, reason }, tornBytes };
    }
    head = reason.digest;
  }
  return { entries: lines.length, head, tornBytes };
}

function checkLine(
  line: string,
  sequence: number,
  previous: string,
): AccessEntry | "syntax" | "schema" | "sequence" | "chain" | "digest" {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return "syntax";
  }
  if (!entryCheck.Check(entry)) return "schema";
  if (entry.sequence !== sequence) return "sequence";
  if (entry.previous !== previous) return "chain";
  const { digest, ...body } = entry;
  return digestOf(body) === digest ? entry : "digest";
}

function createWriter(start: {
  file: FileHandle;
  path: string;
  now: () => string;
  size: number;
  head: string;
}): AccessLog {
  const { file, path, now } = start;
  let { head } = start;
  let next = start.size;
  let onDisk = start.size;
  let queue: Waiting[] = [];
  let failure: unknown;
  let writing: Promise<void> | undefined;

  const stoppedError = () =>
    new StoreError("ERR_STORE_ACCESS_LOG_STOPPED", "the access log cannot be written; calls are refused until it can", {
      cause: failure,
    });

  // One fsync covers everything that came in while the one before was running.
  async function drain(): Promise<void> {
    while (queue.length > 0 && failure === undefined) {
      const batch = queue;
      queue = [];
      try {
        await file.appendFile(batch.map(({ entry }) => `${JSON.stringify(entry)}\n`).join(""));
        await file.datasync();
        onDisk += batch.length;
        for (const { entry, resolve } of batch) resolve(entry);
      } catch (error) {
        failure = error;
        for (const { reject } of [...batch, ...queue]) reject(stoppedError());
        queue = [];
      }
    }
    writing = undefined;
  }

  return Object.freeze({
    append(event: AccessEvent) {
      if (failure !== undefined) return Promise.reject(stoppedError());
      const body = { sequence: next, time: now(), event, previous: head };
      const entry: AccessEntry = { ...body, digest: digestOf(body) };
      next += 1;
      head = entry.digest;
      return new Promise<AccessEntry>((resolve, reject) => {
        queue.push({ entry, resolve, reject });
        writing ??= drain();
      });
    },
    async read(from: number, to: number) {
      const text = await readFile(path, "utf8");
      return text
        .split("\n")
        .slice(from, Math.min(to, onDisk))
        .map((line) => JSON.parse(line) as AccessEntry);
    },
    size: () => onDisk,
    stopped: () => failure !== undefined,
    async close() {
      await writing;
      failure ??= new Error("closed");
      await file.close();
    },
  });
}
