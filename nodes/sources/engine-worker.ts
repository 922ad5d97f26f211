/**
 * The engine process: one DuckDB, one table, one SELECT at a time. It is told the table once; after that nothing it
 * is sent can read another file, write one, load an extension or change a setting.
 */
import { type DuckDBConnection, DuckDBInstance, StatementType } from "@duckdb/node-api";
import { MAX_RECORD_BYTES } from "./csv-scan.ts";
import { decodeFrames, encodeFrame } from "./frames.ts";
import type { EngineColumn, EngineLimits, EngineReply, EngineRequest, EngineTable } from "./protocol.ts";

// Several are in memory at once; the default of 16 lines each would fill a small memory limit.
const BUFFER_BYTES = 4 * MAX_RECORD_BYTES;
const MAX_RESULT_BYTES = 48 * 1024 * 1024;

class LimitError extends Error {}
class QueryError extends Error {}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

let connection: DuckDBConnection | undefined;
let maxRows = 0;

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
  const opened = await instance.connect();
  await opened.run(`SET allowed_paths = [${literal(table.file)}]`);
  await opened.run("SET enable_external_access = false");
  const columns = await describe(opened, table);
  const select = columns.map(({ name }) => `CAST(${identifier(name)} AS VARCHAR) AS ${identifier(name)}`).join(", ");
  await opened.run(`CREATE TEMP VIEW source AS SELECT ${select} FROM ${relation(table, columns)}`);
  await opened.run("SET lock_configuration = true");
  connection = opened;
  maxRows = limits.maxRows;
  return { type: "opened", columns };
}

async function describe(opened: DuckDBConnection, table: EngineTable): Promise<EngineColumn[]> {
  if (table.kind === "csv") return table.header.map((name) => ({ name, type: "VARCHAR" }));
  const reader = await opened.runAndReadAll(`DESCRIBE SELECT * FROM ${relation(table, undefined)}`);
  return reader.getRowObjectsJson().map((row) => ({ name: String(row.column_name), type: String(row.column_type) }));
}

/** The table function over the one allowed file. JSON values are read as text once their names are known. */
function relation(table: EngineTable, columns: readonly EngineColumn[] | undefined): string {
  const file = literal(table.file);
  const struct = columns?.map(({ name }) => `${literal(name)}: 'VARCHAR'`).join(", ");
  switch (table.kind) {
    case "csv":
      return `read_csv(${file}, auto_detect = false, all_varchar = true, header = true, strict_mode = true,
        delim = ${literal(table.delimiter)}, quote = '"', escape = '"', nullstr = '', max_line_size = ${2 * MAX_RECORD_BYTES}, parallel = ${table.parallel}, buffer_size = ${BUFFER_BYTES},
        hive_partitioning = false, columns = {${struct}})`;
    case "parquet":
      return `read_parquet(${file}, hive_partitioning = false)`;
    case "json":
      return `read_json(${file}, hive_partitioning = false, maximum_object_size = ${MAX_RECORD_BYTES}, convert_strings_to_integers = false${
        struct === undefined ? "" : `, columns = {${struct}}`
      })`;
  }
}

async function select(text: string, parameters: readonly string[]): Promise<EngineReply> {
  if (connection === undefined) throw new QueryError("no table is open");
  if (!/^\s*(select|with)\s/i.test(text)) throw new QueryError("only a SELECT is answered");
  const statements = await connection.extractStatements(text).catch(asQueryError);
  if (statements.count !== 1) throw new QueryError(`one statement is answered, got ${statements.count}`);
  const kind = await statements.prepare(0).catch(asQueryError);
  if (kind.statementType !== StatementType.SELECT) throw new QueryError("only a SELECT is answered");
  kind.destroySync();

  // Every value leaves as text, so that no number passes through JavaScript's binary floats.
  const prepared = await connection.prepare(`SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (${text}\n)`).catch(asQueryError);
  for (const [i, value] of parameters.entries()) prepared.bindVarchar(i + 1, value);
  const result = await prepared.stream();
  const rows: (string | null)[][] = [];
  let bytes = 0;
  for await (const chunk of result.yieldRowsJson()) {
    for (const row of chunk as (string | null)[][]) {
      bytes += row.reduce((total, cell) => total + (cell?.length ?? 4) + 3, 0);
      if (rows.push(row) > maxRows) throw new LimitError(`the answer has more than ${maxRows} rows`);
      if (bytes > MAX_RESULT_BYTES) throw new LimitError(`the answer has more than ${MAX_RESULT_BYTES} bytes`);
    }
  }
  return { type: "rows", columns: result.deduplicatedColumnNames(), rows };
}

function asQueryError(error: unknown): never {
  throw new QueryError(error instanceof Error ? error.message : String(error));
}

async function answer(request: EngineRequest): Promise<EngineReply> {
  try {
    return request.type === "open"
      ? await open(request.table, request.limits)
      : await select(request.text, request.parameters);
  } catch (error) {
    const kind = error instanceof LimitError ? "limit" : error instanceof QueryError ? "query" : "engine";
    return { type: "error", kind, message: error instanceof Error ? error.message : String(error) };
  }
}

// A node that dies while a SELECT runs is noticed here: its end of stdin is read only between two requests. An orderly
// exit would wait for the thread that runs the SELECT.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
}, 1000).unref();

for await (const request of decodeFrames(process.stdin)) {
  process.stdout.write(encodeFrame(await answer(request as EngineRequest)));
}
process.exit(0);
