/** Opens a table in its own sandboxed DuckDB process. */
import { mkdir, mkdtemp, readdir, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import type { RowBatch, Source, SourceColumn, SourceRow, SqlQuery } from "../../exchange/statistics/source.ts";
import { csvHeader } from "./csv-header.ts";
import { scanCsv } from "./csv-scan.ts";
import type { SourceDescription } from "./description.ts";
import { engine } from "./engine.ts";
import { demandUnchanged, fileDigest, fileState, sourceFile } from "./file.ts";
import { checkJsonEnds } from "./json-ends.ts";
import type { EngineColumn } from "./protocol.ts";
import { transcodeGb18030 } from "./transcode.ts";

export interface SourceOptions {
  /** Directory the node owns; transcoded copies (0600) and the engine's spill files live here. */
  readonly scratch: string;
  /** Default 512. */
  readonly memoryMiB?: number;
  /** Default 1. */
  readonly threads?: number;
  /** Default 600,000. */
  readonly timeoutMs?: number;
  /** Default 2,400,000: a layout has at most 2^20 cells, and each may have rows that the filters leave out. */
  readonly maxRows?: number;
  /** Of bytes whose structure was checked when they were registered: a file that has it is not checked again. */
  readonly fingerprint?: string;
}

export interface OpenedSource extends Source {
  /** The file is the one that was opened, not touched since; a read of another one would be refused. */
  isUntouched(): Promise<boolean>;
  /** Process id of the engine, while it runs. */
  readonly pid: number | undefined;
}

/** Throws SourceError naming the path, line or column; leaves no process and no file behind when it throws. */
export async function openSource(description: SourceDescription, options: SourceOptions): Promise<OpenedSource> {
  const file = await sourceFile(description.path);
  const state = await fileState(file);
  const fingerprint = options.fingerprint === undefined ? undefined : await fileDigest(file);
  const isChecked = fingerprint !== undefined && fingerprint === options.fingerprint;
  await mkdir(options.scratch, { recursive: true, mode: 0o700 });
  const root = await realpath(options.scratch);
  await removeOrphans(root);
  const scratch = await mkdtemp(join(root, `source-${process.pid}-`));
  try {
    const readable = join(scratch, "utf-8.csv");
    const transcode = description.kind === "csv" && description.encoding === "gb18030";
    if (description.kind === "json" && !isChecked) await checkJsonEnds(file);
    if (transcode) await transcodeGb18030(file, readable);
    const delimiter = (description.kind === "csv" ? description.delimiter : undefined) ?? ",";
    const scanned =
      description.kind === "csv" && !isChecked
        ? await scanCsv(transcode ? readable : file, file, delimiter)
        : undefined;
    const table = {
      kind: description.kind,
      file: transcode ? readable : file,
      header: description.kind === "csv" ? await csvHeader(transcode ? readable : file, delimiter) : [],
      label: file,
      delimiter,
      parallel: (options.threads ?? 1) > 1,
    };
    const limits = {
      memoryMiB: options.memoryMiB ?? 512,
      threads: options.threads ?? 1,
      spill: scratch,
      maxRows: options.maxRows ?? 2_400_000,
    };
    const running = engine(table, limits, options.timeoutMs ?? 600_000);
    const columns = (await running.open()).columns.map(columnOf);
    await demandUnchanged(file, state).catch(async (error) => {
      await running.close();
      throw error;
    });
    const read = async (query: SqlQuery, take: (batch: RowBatch) => void | Promise<void>): Promise<boolean> => {
      const answered = await running.read(query, take);
      // Checked by name, read by name: only an unchanged file was read as it was checked.
      await demandUnchanged(file, state);
      return answered;
    };
    return Object.freeze({
      columns,
      // A blank line is a record only where records have one column: the two counts are then not comparable.
      records: scanned === undefined || columns.length === 1 ? undefined : scanned - 1,
      read,
      async select(query: SqlQuery) {
        const answer: SourceRow[] = [];
        await read(query, ({ columns: names, rows }) => {
          for (const row of rows) answer.push(Object.fromEntries(names.map((name, i) => [name, row[i] ?? null])));
        });
        return answer;
      },
      isUntouched: async () => (await fileState(file).catch(() => undefined)) === state,
      async fingerprint() {
        if (!isChecked || (await fileState(file)) !== state) return await fileDigest(file);
        return fingerprint;
      },
      async close() {
        await running.close();
        await rm(scratch, { recursive: true, force: true });
      },
      get pid() {
        return running.pid;
      },
    });
  } catch (error) {
    await rm(scratch, { recursive: true, force: true });
    throw error;
  }
}

/** A killed node cannot remove its transcoded copies; the next one does. */
async function removeOrphans(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const owner = Number(/^source-(\d+)-/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isSafeInteger(owner) && !isAlive(owner)) await rm(join(root, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function columnOf({ name, type }: EngineColumn): SourceColumn {
  if (type === "VARCHAR") return { name, stored: "text" };
  if (/^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(type)) return { name, stored: "integer" };
  if (type.startsWith("DECIMAL")) return { name, stored: "decimal" };
  if (type === "DOUBLE" || type === "FLOAT") return { name, stored: "float" };
  if (type === "DATE") return { name, stored: "date" };
  return { name, stored: type === "BOOLEAN" ? "boolean" : "other" };
}
