/**
 * The engine process: one DuckDB, one table, one SELECT at a time. It is told the table once; after that nothing it
 * is sent can read another file, write one, load an extension or change a setting.
 */
import { once } from "node:events";
import { type DuckDBConnection, DuckDBInstance, StatementType } from "@duckdb/node-api";
import { MAX_RECORD_BYTES } from "./csv-scan.ts";
import { decodeFrames, encodeFrame } from "./frames.ts";
import type { Decimals, EngineColumn, EngineLimits, EngineReply, EngineRequest, EngineTable } from "./protocol.ts";

// Several are in memory at once; the default of 16 lines each would fill a small memory limit.
const BUFFER_BYTES = 4 * MAX_RECORD_BYTES;
/** A batch of result rows is sent when its cells have this many characters. */
const BATCH_CHARS = 1024 * 1024;
/** The largest DECIMAL of this engine. */
const MAX_DIGITS = 38;

class LimitError extends Error {}
class QueryError extends Error {}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

interface Opened {
  readonly connection: DuckDBConnection;
  readonly table: EngineTable;
  readonly columns: readonly EngineColumn[];
  readonly maxRows: number;
}

let current: Opened | undefined;

async function open(table: EngineTable, limits: EngineLimits): Promise<EngineReply> {
  const instance = await DuckDBInstance.create(":memory:", {
    autoload_known_extensions: "false",
    autoinstall_known_extensions: "false",
    allow_community_extensions: "false",
    memory_limit: `${limits.memoryMiB}MiB`,
    threads: String(limits.threads),
    temp_directory: limits.spill,
    preserve_insertion_order: "false",
  });
  const connection = await instance.connect();
  await connection.run(`SET allowed_paths = [${literal(table.file)}]`);
  await connection.run("SET enable_external_access = false");
  const columns = await describe(connection, table);
  const opened = { connection, table, columns, maxRows: limits.maxRows };
  await createSource(opened, {});
  await connection.run("SET lock_configuration = true");
  current = opened;
  return { type: "opened", columns };
}

/** The relation of the next SELECT: text, except where `decimals` says what to read. */
async function createSource({ connection, table, columns }: Opened, decimals: Decimals): Promise<void> {
  const typeOf = (name: string): string => {
    if (!Object.hasOwn(decimals, name)) return "VARCHAR";
    const { width, scale } = decimals[name]!;
    if (!Number.isInteger(width) || !Number.isInteger(scale) || scale < 0 || width < scale || width > MAX_DIGITS) {
      throw new QueryError(`${name}: DECIMAL(${width}, ${scale}) does not exist`);
    }
    return `DECIMAL(${width}, ${scale})`;
  };
  const typed = columns.map(({ name }) => ({ name, type: typeOf(name) }));
  const select = typed.map(({ name, type }) => `CAST(${identifier(name)} AS ${type}) AS ${identifier(name)}`);
  await connection.run(
    `CREATE OR REPLACE TEMP VIEW source AS SELECT ${select.join(", ")} FROM ${relation(table, typed)}`,
  );
}

async function describe(opened: DuckDBConnection, table: EngineTable): Promise<EngineColumn[]> {
  if (table.kind === "csv") return table.header.map((name) => ({ name, type: "VARCHAR" }));
  const reader = await opened.runAndReadAll(`DESCRIBE SELECT * FROM ${relation(table, undefined)}`);
  return reader.getRowObjectsJson().map((row) => ({ name: String(row.column_name), type: String(row.column_type) }));
}

/**
 * The table function over the one allowed file. A CSV reader types the columns itself, which costs least; JSON values
 * are read as text once their names are known.
 */
function relation(table: EngineTable, columns: readonly EngineColumn[] | undefined): string {
  const file = literal(table.file);
  const structOf = (type: (column: EngineColumn) => string) =>
    columns?.map((column) => `${literal(column.name)}: '${type(column)}'`).join(", ");
  switch (table.kind) {
    case "csv":
      return `read_csv(${file}, auto_detect = false, header = true, strict_mode = true,
        delim = ${literal(table.delimiter)}, quote = '"', escape = '"', nullstr = '', max_line_size = ${2 * MAX_RECORD_BYTES}, parallel = ${table.parallel}, buffer_size = ${BUFFER_BYTES},
        hive_partitioning = false, columns = {${structOf(({ type }) => type)}})`;
    case "parquet":
      return `read_parquet(${file}, hive_partitioning = false)`;
    case "json":
      return `read_json(${file}, hive_partitioning = false, maximum_object_size = ${MAX_RECORD_BYTES}, convert_strings_to_integers = false${
        columns === undefined ? "" : `, columns = {${structOf(() => "VARCHAR")}}`
      })`;
  }
}

async function* select(text: string, parameters: readonly string[], decimals: Decimals): AsyncGenerator<EngineReply> {
  if (current === undefined) throw new QueryError("no table is open");
  const { connection, maxRows } = current;
  if (!/^\s*(select|with)\s/i.test(text)) throw new QueryError("only a SELECT is answered");
  const statements = await connection.extractStatements(text).catch(asQueryError);
  if (statements.count !== 1) throw new QueryError(`one statement is answered, got ${statements.count}`);
  await createSource(current, decimals);
  const kind = await statements.prepare(0).catch(asQueryError);
  if (kind.statementType !== StatementType.SELECT) throw new QueryError("only a SELECT is answered");
  kind.destroySync();

  // Every value leaves as text, so that no number passes through JavaScript's binary floats.
  const prepared = await connection.prepare(`SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (${text}\n)`).catch(asQueryError);
  for (const [i, value] of parameters.entries()) prepared.bindVarchar(i + 1, value);
  const result = await prepared.stream();
  const columns = result.deduplicatedColumnNames();
  let batch: (string | null)[][] = [];
  let chars = 0;
  let total = 0;
  for await (const chunk of result.yieldRowsJson()) {
    for (const row of chunk as (string | null)[][]) {
      if (++total > maxRows) throw new LimitError(`the answer has more than ${maxRows} rows`);
      batch.push(row);
      chars += row.reduce((length, cell) => length + (cell?.length ?? 4) + 3, 0);
      if (chars < BATCH_CHARS) continue;
      yield { type: "rows", columns, rows: batch };
      [batch, chars] = [[], 0];
    }
  }
  yield { type: "rows", columns, rows: batch };
  yield { type: "end" };
}

function asQueryError(error: unknown): never {
  throw new QueryError(error instanceof Error ? error.message : String(error));
}

async function* answer(request: EngineRequest): AsyncGenerator<EngineReply> {
  try {
    if (request.type === "open") yield await open(request.table, request.limits);
    else yield* select(request.text, request.parameters, request.decimals);
  } catch (error) {
    const kind = error instanceof LimitError ? "limit" : error instanceof QueryError ? "query" : "engine";
    yield { type: "error", kind, message: error instanceof Error ? error.message : String(error) };
  }
}

// A node that dies while a SELECT runs is noticed here: its end of stdin is read only between two requests. An orderly
// exit would wait for the thread that runs the SELECT.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
}, 1000).unref();

for await (const request of decodeFrames(process.stdin)) {
  for await (const reply of answer(request as EngineRequest)) {
    if (!process.stdout.write(encodeFrame(reply))) await once(process.stdout, "drain");
  }
}
process.exit(0);
