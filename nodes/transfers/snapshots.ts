/**
 * The records of one agreement as one file: written once, whole and within its limits, before its first byte leaves.
 * Every call of every delivery under the agreement reads the same bytes, so that a resumption never mixes two versions.
 */
import { createHash } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { csvLine } from "../../exchange/transfers/csv.ts";
import { maskingOf } from "../../exchange/transfers/masked.ts";
import type { OwnTables } from "../computations/own-tables.ts";
import { createSharedWork } from "../computations/shared-work.ts";
import { SourceError } from "../sources/errors.ts";
import { PRIVATE_FILE, PRIVATE_FOLDER, syncFolder } from "../store/atomic-file.ts";
import type { RecordStore } from "../store/records.ts";
import type { Permitted } from "./gate.ts";
import { TransferError } from "./transfer-error.ts";

export interface Snapshot {
  readonly path: string;
  /** SHA-256 of the bytes, base64url. */
  readonly digest: string;
  readonly bytes: number;
  /** Without the header line. */
  readonly rows: number;
}
export type SnapshotRecord = Omit<Snapshot, "path"> & { readonly columns: string };

/** The same again however often it is read: not what happens to the engine or the disk. */
const isOfTable = (error: unknown): boolean =>
  error instanceof SourceError
    ? !["ERR_SOURCE_TIMEOUT", "ERR_SOURCE_CRASHED", "ERR_SOURCE_CLOSED"].includes(error.code)
    : error instanceof RangeError || error instanceof TypeError;

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export interface Snapshots {
  /** `id`: of the agreement. Throws ERR_TRANSFER_TOO_LARGE, and whatever the source throws. */
  of(id: string, permitted: Permitted): Promise<Snapshot>;
  /** Erases those of all agreements but these. */
  keepOnly(ids: ReadonlySet<string>): Promise<void>;
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
  const pathOf = (id: string) => join(folder, `${id}.csv`);

  async function existing(id: string, columns: string): Promise<Snapshot | undefined> {
    const record = await records.get(id);
    if (record?.columns !== columns) return undefined;
    const found = await stat(pathOf(id)).catch(() => undefined);
    const { digest, bytes, rows } = record;
    return found?.size === bytes ? { path: pathOf(id), digest, bytes, rows } : undefined;
  }

  async function write(id: string, { asset, fields, release }: Permitted, columns: string): Promise<Snapshot> {
    deps.assertWritable();
    const key = await deps.pseudonymKey(id);
    const maskings = fields.map((field) => {
      const mask = release.masks[field.element];
      return mask === undefined ? undefined : maskingOf(mask, key, field);
    });
    const masked = (cell: string | null, at: number): string | null => {
      const masking = maskings[at];
      return masking === undefined ? cell : masking(cell);
    };
    await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
    const temporary = `${pathOf(id)}.tmp`;
    const file = await open(temporary, "w", PRIVATE_FILE);
    const hash = createHash("sha256");
    let bytes = 0;
    let rows = 0;
    const append = async (text: string) => {
      const part = Buffer.from(text, "utf8");
      bytes += part.length;
      if (bytes > release.bytes) throw tooLarge("bytes", release.bytes);
      hash.update(part);
      await file.write(part);
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
      if (!isOfTable(error)) throw error;
      const detail = `${asset.id}: its table cannot be read as it was registered`;
      throw new TransferError("ERR_TRANSFER_STATE", "records-not-readable", detail, { cause: error });
    }
    await file.close();
    const record = { digest: hash.digest("base64url"), bytes, rows, columns };
    await rename(temporary, pathOf(id));
    await syncFolder(folder);
    await records.put(id, record);
    return { path: pathOf(id), digest: record.digest, bytes, rows };
  }

  return Object.freeze({
    async of(id: string, permitted: Permitted) {
      const { asset, fields, release } = permitted;
      const columns = JSON.stringify([asset.id, asset.version, fields.map(({ name }) => name), release.masks]);
      const snapshot =
        (await existing(id, columns)) ??
        (await once(id, async () => (await existing(id, columns)) ?? write(id, permitted, columns)));
      // The limits may have become stricter since.
      if (snapshot.bytes > release.bytes) throw tooLarge("bytes", release.bytes);
      if (snapshot.rows > release.rows) throw tooLarge("rows", release.rows);
      return snapshot;
    },
    async keepOnly(ids: ReadonlySet<string>) {
      for (const name of await readdir(folder).catch(() => [])) {
        const id = name.replace(/\.csv(\.tmp)?$/, "");
        if (ids.has(id)) continue;
        await records.delete(id);
        await rm(join(folder, name), { force: true });
      }
    },
  });
}

const tooLarge = (what: "rows" | "bytes", limit: number): TransferError =>
  new TransferError("ERR_TRANSFER_TOO_LARGE", `too-many-${what}`, `the table has more than ${limit} ${what}`);
