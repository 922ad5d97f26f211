/** What providers send to this node: parts in order into one file, complete when its digest is the one announced. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createKeyedLock } from "../computations/keyed-lock.ts";
import { PRIVATE_FILE, PRIVATE_FOLDER, syncFolder } from "../store/atomic-file.ts";
import type { RecordStore } from "../store/records.ts";
import { TransferError } from "./transfer-error.ts";

/** Of the version that is being sent: parts of another one are never put behind it. */
export interface InboxRecord {
  readonly digest: string;
  readonly bytes: number;
  readonly isComplete: boolean;
}

export interface InboxPart {
  readonly offset: number;
  /** Of the whole, base64url. */
  readonly digest: string;
  readonly bytes: number;
  readonly part: Uint8Array;
}

export interface Inbox {
  /** Bytes on disk, of which version. All of them are held only once they were checked. A digest without bytes: lost. */
  state(pid: string): Promise<{
    readonly held: number;
    readonly digest?: string;
    readonly bytes?: number;
    readonly isComplete: boolean;
  }>;
  /** On disk when it resolves with the number of bytes held. */
  take(pid: string, part: InboxPart): Promise<number>;
  /** What has arrived whole, opened: nothing that happens to the file afterwards changes what is read. */
  open(
    pid: string,
  ): Promise<{ readonly file: FileHandle; readonly digest: string; readonly bytes: number } | undefined>;
  /** Every file of which something is held, whether it is complete or not. */
  list(): AsyncIterable<{
    readonly pid: string;
    readonly held: number;
    readonly bytes: number;
    readonly isComplete: boolean;
  }>;
  /** Off this disk when it resolves. False: there was nothing. */
  erase(pid: string): Promise<boolean>;
}

export function createInbox(deps: {
  readonly folder: string;
  readonly records: RecordStore<InboxRecord>;
  /** Is this transfer one that this node waits for? Says how many bytes it takes. */
  readonly limit: (pid: string) => Promise<number | undefined>;
  readonly assertWritable: () => void;
}): Inbox {
  const { folder, records } = deps;
  const oneAtATime = createKeyedLock();
  /** Files whose names are known to be on disk. */
  const named = new Set<string>();
  const path = (pid: string) => join(folder, `${pid.replaceAll(/[^A-Za-z0-9-]/g, "_")}.csv`);
  const sizeOf = async (pid: string) => (await stat(path(pid)).catch(() => undefined))?.size ?? 0;

  /** Called under the lock. A node that was killed between the last part and its check does the check here. */
  const stateOf: Inbox["state"] = async (pid) => {
    const record = await records.get(pid);
    if (record === undefined) return { held: 0, isComplete: false };
    const held = Math.min(await sizeOf(pid), record.bytes);
    if (held < record.bytes || held === 0) return { held, ...record, isComplete: false };
    if (record.isComplete) return { held, ...record };
    if (await isWhole(pid, record)) return { held, ...record, isComplete: true };
    return { held: 0, isComplete: false };
  };

  /** Forgets the file that is not what was announced. */
  async function isWhole(pid: string, { digest, bytes }: Pick<InboxRecord, "digest" | "bytes">): Promise<boolean> {
    if ((await digestOfFile(path(pid))) === digest) {
      // An earlier life may have been killed right before it did so.
      const file = await open(path(pid), "r+");
      await durable(pid, file).finally(() => file.close());
      await records.put(pid, { digest, bytes, isComplete: true });
      named.delete(pid);
      return true;
    }
    await removed(pid);
    return false;
  }

  /** With its name, and that of the folder: who is told that bytes are here forgets them. */
  async function durable(pid: string, file: FileHandle): Promise<void> {
    await file.datasync();
    if (named.has(pid)) return;
    await syncFolder(folder);
    await syncFolder(dirname(folder));
    named.add(pid);
  }

  /** The file first: a record that remains after a crash says that nothing is held. */
  async function removed(pid: string): Promise<void> {
    await rm(path(pid), { force: true });
    named.delete(pid);
    await records.delete(pid);
  }

  return Object.freeze({
    state: (pid: string) => oneAtATime(pid, () => stateOf(pid)),
    open: (pid: string) =>
      oneAtATime(pid, async () => {
        const file = await open(path(pid), "r").catch(() => undefined);
        const record = await records.get(pid);
        if (file === undefined) return undefined;
        if (record?.isComplete === true && (await file.stat()).size === record.bytes) return { file, ...record };
        await file.close();
        return undefined;
      }),
    async *list() {
      for await (const [pid, { bytes, isComplete }] of records.entries()) {
        yield { pid, held: Math.min(await sizeOf(pid), bytes), bytes, isComplete };
      }
    },
    erase: (pid: string) =>
      oneAtATime(pid, async () => {
        // A name that nobody knows writes nothing: whoever asks with it is refused.
        if ((await records.get(pid)) === undefined) return false;
        await removed(pid);
        await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
        await syncFolder(folder);
        return true;
      }),
    take: (pid: string, { offset, digest, bytes, part }: InboxPart) =>
      oneAtATime(pid, async () => {
        const limit = await deps.limit(pid);
        if (limit === undefined) throw new TransferError("ERR_TRANSFER_STATE", "transfer-not-started");
        if (bytes > limit)
          throw new TransferError("ERR_TRANSFER_TOO_LARGE", "too-many-bytes", `more than ${limit} bytes`);
        deps.assertWritable();
        await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
        const before = await stateOf(pid);
        if (before.isComplete && before.digest === digest) return before.held;
        // Somebody may be reading it, or have read it.
        if (before.isComplete) throw new TransferError("ERR_TRANSFER_STATE", "already-complete");
        if (before.digest !== digest) {
          await rm(path(pid), { force: true });
          named.delete(pid);
          await records.put(pid, { digest, bytes, isComplete: false });
        }
        const held = before.digest === digest ? before.held : 0;
        if (offset !== held || held + part.length > bytes) {
          throw new TransferError("ERR_TRANSFER_RANGE", "offset-wrong", `wanted what begins at byte ${held}`);
        }
        const file = await open(path(pid), "a", PRIVATE_FILE);
        try {
          await file.appendFile(part);
          await durable(pid, file);
        } finally {
          await file.close();
        }
        const now = held + part.length;
        if (now < bytes) return now;
        if (!(await isWhole(pid, { digest, bytes }))) {
          throw new TransferError(
            "ERR_TRANSFER_RANGE",
            "digest-wrong",
            "the bytes are not those announced: send them again",
          );
        }
        return now;
      }),
  });
}

async function digestOfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(part as Buffer);
  return hash.digest("base64url");
}
