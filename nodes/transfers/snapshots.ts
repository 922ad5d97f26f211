/**
 * The records of one agreement as one file: written once, whole and within its limits, before its first byte leaves.
 * Every call of every delivery under the agreement reads the same bytes, so that a resumption never mixes two versions.
 */
import { createHash } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { csvLine } from "../../exchange/transfers/csv.ts";
import { maskingOf } from "../../exchange/transfers/masked.ts";
import { createKeyedLock } from "../computations/keyed-lock.ts";
import type { OwnTables } from "../computations/own-tables.ts";
import { createSharedWork } from "../computations/shared-work.ts";
import { PRIVATE_FILE, PRIVATE_FOLDER, syncFolder } from "../store/atomic-file.ts";
import type { RecordStore } from "../store/records.ts";
import type { Permitted } from "./gate.ts";
import { TransferError } from "./transfer-error.ts";
import { notReadable, unreadable } from "./unreadable.ts";

/** Open: what is erased meanwhile is read to its end all the same. Whoever has it closes the file. */
export interface Snapshot {
  readonly file: FileHandle;
  /** SHA-256 of the bytes, base64url. */
  readonly digest: string;
  readonly bytes: number;
  /** Without the header line. */
  readonly rows: number;
}
export type SnapshotRecord = Omit<Snapshot, "file"> & { readonly columns: string };

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export interface Snapshots {
  /**
   * `id`: of the agreement. `permission` is asked before anything is written, and throws where nothing may be any more.
   * Throws ERR_TRANSFER_TOO_LARGE, and whatever the source throws.
   */
  of(id: string, permitted: Permitted, permission: () => Promise<Permitted>): Promise<Snapshot>;
  /** What is being read is read to its end. */
  erase(id: string): Promise<void>;
  /** Agreements of which something lies on disk, also of a life that ended while it was written. */
  ids(): Promise<readonly string[]>;
}

export function createSnapshots(deps: {
  readonly folder: string;
  readonly tables: Pick<OwnTables, "read">;
  readonly records: RecordStore<SnapshotRecord>;
  /** Of one agreement, the same one for ever: 32 bytes, on disk. */
  readonly pseudonymKey: (id: string) => Promise<Uint8Array>;
  /** Throws while the disk is full. */
  readonly assertWritable: () => void;
}): Snapshots {
  const { folder, records } = deps;
  const once = createSharedWork();
  /** Of one agreement: its file is never erased between a look at it, or its writing, and its opening. */
  const oneAtATime = createKeyedLock();
  const pathOf = (id: string) => join(folder, `${id}.csv`);
  const temporaryOf = (id: string) => `${pathOf(id)}.tmp`;

  async function opened(id: string, columns: string): Promise<Snapshot | undefined> {
    const record = await records.get(id);
    if (record?.columns !== columns) return undefined;
    const file = await open(pathOf(id), "r").catch(() => undefined);
    if (file === undefined) return undefined;
    const { digest, bytes, rows } = record;
    if ((await file.stat()).size === bytes) return { file, digest, bytes, rows };
    await file.close();
    return undefined;
  }

  async function write(id: string, permitted: Permitted): Promise<void> {
    const { asset, fields, release } = permitted;
    deps.assertWritable();
    const key = await deps.pseudonymKey(id);
    const maskings = fields.map((field) => {
      const mask = release.masks[field.element];
      return mask === undefined ? undefined : maskingOf(mask, key, field);
    });
    const masked = (cell: string | null, at: number): string | null => {
      const masking = maskings[at];
      if (masking === undefined) return cell;
      try {
        return masking(cell);
      } catch (error) {
        // What a mask cannot read does not leave, at the next try either.
        throw error instanceof RangeError ? unreadable(asset.id, error) : error;
      }
    };
    await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
    const temporary = temporaryOf(id);
    const file = await open(temporary, "w", PRIVATE_FILE);
    const hash = createHash("sha256");
    let bytes = 0;
    let rows = 0;
    const append = async (text: string) => {
      const part = Buffer.from(text, "utf8");
      bytes += part.length;
      if (bytes > release.bytes) throw tooLarge("bytes", release.bytes);
      hash.update(part);
      await file.appendFile(part);
    };
    try {
      await append(csvLine(fields.map(({ name }) => name)));
      const text = `SELECT ${fields.map(({ name }) => identifier(name)).join(", ")} FROM source`;
      await deps.tables.read(asset.id, { text, parameters: [] }, async (batch) => {
        deps.assertWritable();
        rows += batch.rows.length;
        if (rows > release.rows) throw tooLarge("rows", release.rows);
        await append(batch.rows.map((row) => csvLine(row.map(masked))).join(""));
      });
      await file.sync();
    } catch (error) {
      await file.close();
      await rm(temporary, { force: true });
      throw notReadable(asset.id, error);
    }
    await file.close();
    const record = { digest: hash.digest("base64url"), bytes, rows, columns: columnsOf(permitted) };
    await rename(temporary, pathOf(id));
    await syncFolder(folder);
    await records.put(id, record);
  }

  /** One writes for all that wait. Undefined: another one did, and what it wrote may be gone again. */
  async function found(id: string, columns: string, permission: () => Promise<Permitted>) {
    let snapshot: Snapshot | undefined;
    /** Of this caller alone: the others may be allowed what it is not. */
    let refusal: unknown;
    await once(id, () =>
      oneAtATime(id, async () => {
        snapshot = await opened(id, columns);
        if (snapshot !== undefined) return;
        const permitted = await permission().catch((error: unknown) => {
          refusal = error;
          return undefined;
        });
        if (permitted === undefined) return;
        await write(id, permitted);
        snapshot = await opened(id, columnsOf(permitted));
      }),
    );
    if (refusal !== undefined) throw refusal;
    return snapshot;
  }

  const erase = (id: string): Promise<void> =>
    oneAtATime(id, async () => {
      await records.delete(id);
      for (const path of [pathOf(id), temporaryOf(id)]) await rm(path, { force: true });
    });

  return Object.freeze({
    erase,
    async of(id: string, permitted: Permitted, permission: () => Promise<Permitted>) {
      const columns = columnsOf(permitted);
      const find = () => oneAtATime(id, () => opened(id, columns));
      let snapshot = await find();
      while (snapshot === undefined) snapshot = (await found(id, columns, permission)) ?? (await find());
      const { release } = permitted;
      // The limits may have become stricter since.
      const { bytes, rows, file } = snapshot;
      if (bytes <= release.bytes && rows <= release.rows) return snapshot;
      await file.close();
      throw bytes > release.bytes ? tooLarge("bytes", release.bytes) : tooLarge("rows", release.rows);
    },
    async ids() {
      const names = await readdir(folder).catch(() => []);
      return [...new Set(names.map((name) => name.replace(/\.csv(\.tmp)?$/, "")))];
    },
  });
}

const columnsOf = ({ asset, fields, release }: Permitted): string =>
  JSON.stringify([asset.id, asset.version, fields.map(({ name }) => name), release.masks]);

const tooLarge = (what: "rows" | "bytes", limit: number): TransferError => {
  const reason = what === "rows" ? "too-many-rows" : "too-many-bytes";
  return new TransferError("ERR_TRANSFER_TOO_LARGE", reason, `the table has more than ${limit} ${what}`);
};
