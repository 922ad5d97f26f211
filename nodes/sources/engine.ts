/** One engine process: started on demand, asked one thing at a time, killed when late, started afresh after a crash. */
import { type ChildProcess, spawn } from "node:child_process";
import type { SqlQuery } from "../../exchange/statistics/source.ts";
import { siblingPath } from "../boot/sibling.ts";
import { SourceError, type SourceFault } from "./errors.ts";
import { decodeFrames, encodeFrame } from "./frames.ts";
import type { EngineLimits, EngineReply, EngineRequest, EngineTable } from "./protocol.ts";

type Reply<T extends EngineReply["type"]> = EngineReply & { readonly type: T };

export interface Engine {
  /** The reply to `open` of the present process. */
  open(): Promise<Reply<"opened">>;
  /** False where the engine itself stops while it reads `decimals`. */
  read(query: SqlQuery, take: (batch: Reply<"rows">) => void | Promise<void>): Promise<boolean>;
  close(): Promise<void>;
  /** Process id of the present process; for tests and health. */
  readonly pid: number | undefined;
}

interface Running {
  readonly child: ChildProcess;
  readonly replies: AsyncGenerator<unknown>;
  readonly opened: Reply<"opened">;
}

const HEAP_MIB = 256;

export function engine(table: EngineTable, limits: EngineLimits, timeoutMs: number): Engine {
  let running: Running | undefined;
  let closed = false;
  let queue: Promise<unknown> = Promise.resolve();

  async function start(): Promise<Running> {
    if (running !== undefined) return running;
    const child = spawn(
      process.execPath,
      [
        `--max-old-space-size=${HEAP_MIB}`,
        "--disable-warning=ExperimentalWarning",
        siblingPath(import.meta.url, "./engine-worker"),
      ],
      // The engine gets no environment: it holds paths and tokens it has no use for.
      { stdio: ["pipe", "pipe", "ignore"], env: {}, cwd: limits.spill },
    );
    child.stdin!.on("error", () => undefined);
    const replies = decodeFrames(child.stdout!);
    const reply = await ask(child, replies, { type: "open", table, limits }, () => undefined);
    if (reply.type !== "opened") {
      child.kill("SIGKILL");
      throw asError(reply, table);
    }
    child.once("exit", () => {
      if (running?.child === child) running = undefined;
    });
    running = { child, replies, opened: reply };
    return running;
  }

  /** The last reply; rows before it go to `take`. */
  async function ask(
    child: ChildProcess,
    replies: AsyncGenerator<unknown>,
    request: EngineRequest,
    take: (batch: Reply<"rows">) => void | Promise<void>,
  ): Promise<EngineReply> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, timeoutMs);
    try {
      child.stdin!.write(encodeFrame(request));
      for (;;) {
        const next = await replies.next();
        if (next.done === true) throw new Error("the engine process ended");
        const reply = next.value as EngineReply;
        if (reply.type !== "rows") return reply;
        await take(reply);
      }
    } catch (cause) {
      child.kill("SIGKILL");
      if (running?.child === child) running = undefined;
      if (late)
        throw new SourceError("ERR_SOURCE_TIMEOUT", `${table.label}: no answer within ${timeoutMs} ms`, { cause });
      if (closed) throw new SourceError("ERR_SOURCE_CLOSED", `${table.label}: closed while it was read`, { cause });
      throw new SourceError(
        "ERR_SOURCE_CRASHED",
        `${table.label}: the engine process ended; the next read starts another`,
        {
          cause,
        },
      );
    } finally {
      clearTimeout(timer);
    }
  }

  const inTurn = <T>(task: () => Promise<T>): Promise<T> => {
    const turn = queue.then(() => {
      if (closed) throw new SourceError("ERR_SOURCE_CLOSED", `${table.label}: the source is closed`);
      return task();
    });
    queue = turn.catch(() => undefined);
    return turn;
  };

  return Object.freeze({
    open: () => inTurn(async () => (await start()).opened),
    read: ({ text, parameters, decimals = {} }: SqlQuery, take: (batch: Reply<"rows">) => void | Promise<void>) =>
      inTurn(async () => {
        const { child, replies } = await start();
        // What the taker throws is thrown when the answer is over, so that the next question gets its own.
        let failure: { readonly error: unknown } | undefined;
        const reply = await ask(child, replies, { type: "select", text, parameters, decimals }, async (batch) => {
          try {
            if (failure === undefined) await take(batch);
          } catch (error) {
            failure = { error };
          }
        });
        if (failure !== undefined) throw failure.error;
        if (reply.type === "end") return true;
        if (reply.type === "error" && reply.kind === "engine" && Object.keys(decimals).length > 0) return false;
        throw asError(reply, table);
      }),
    async close() {
      closed = true;
      const child = running?.child;
      running = undefined;
      if (child === undefined || child.exitCode !== null) return;
      await new Promise<void>((resolve) => {
        child.once("exit", () => resolve());
        child.kill("SIGKILL");
      });
    },
    get pid() {
      return running?.child.pid;
    },
  });
}

/** Engine messages quote rows of the table: only the place and the kind of fault are passed on. */
function asError(reply: EngineReply, table: EngineTable): SourceError {
  if (reply.type !== "error") return new SourceError("ERR_SOURCE_CRASHED", `${table.label}: unexpected answer`);
  const { kind, message } = reply;
  if (kind === "limit") return new SourceError("ERR_SOURCE_LIMIT", `${table.label}: ${message}`);
  if (kind === "query") return new SourceError("ERR_SOURCE_QUERY", message.split("\n")[0]!);
  const line = /CSV Error on Line: (\d+)/.exec(message)?.[1];
  const { code, said, fault } = faultOf(message, line !== undefined);
  const at = line === undefined ? table.label : `${table.label}:${line}`;
  const place = line === undefined ? "" : ` line ${line}:`;
  return new SourceError(code, `${table.label}:${place} ${said}`, { fault: { at, ...fault } });
}

interface EngineFault {
  readonly code: "ERR_SOURCE_ENCODING" | "ERR_SOURCE_FORMAT" | "ERR_SOURCE_LIMIT";
  readonly said: string;
  readonly fault: Omit<SourceFault, "at">;
}

/** What of a message holds no value: a known fault, a place, or the engine's name for the kind of error. */
function faultOf(message: string, isRecord: boolean): EngineFault {
  const format = (
    said: string,
    code: SourceFault["code"],
    parameters: SourceFault["parameters"] = {},
  ): EngineFault => ({
    code: "ERR_SOURCE_FORMAT",
    said,
    fault: { code, parameters },
  });
  if (/unicode|utf-?8/i.test(message)) {
    const said = "not UTF-8; if the file comes from Chinese Excel, declare encoding gb18030";
    return { code: "ERR_SOURCE_ENCODING", said, fault: { code: "not-utf8" } };
  }
  if (/Maximum line size|maximum_object_size|maximum object size/i.test(message)) {
    return format("a record is longer than 1 MiB; look for a missing quote or line end", "record-too-long");
  }
  if (/Out of Memory/i.test(message)) {
    const said = "the engine's memory limit is too small for this table";
    return { code: "ERR_SOURCE_LIMIT", said, fault: { code: "engine-memory" } };
  }
  const columns = /Expected Number of Columns: (\d+) Found: (\d+)/.exec(message);
  if (columns !== null) {
    const [, wanted = "", got = ""] = columns;
    return format(`expected ${wanted} columns, found ${got}`, "columns-wrong", { wanted, got });
  }
  if (/state machine reached an invalid state/.test(message)) {
    return format("mixed line ends (LF, CRLF, CR) or stray quotes", "line-ends-mixed");
  }
  if (/unterminated quote/i.test(message)) return format("a quote is not closed", "quote-open");
  if (/No magic bytes/i.test(message)) return format("not a Parquet file", "not-parquet");
  const json = /Malformed JSON in file .*, at byte (\d+) in (line|record\/value) (\d+)/.exec(message);
  if (json !== null) {
    const [, byte = "", kind = "", record = ""] = json;
    const said = `malformed JSON at byte ${byte} of ${kind === "line" ? "line" : "record"} ${record}`;
    return format(said, "json-malformed", { byte, record });
  }
  if (isRecord) return format("malformed record", "record-malformed");
  const kind = /^[A-Z][A-Za-z ]{0,40} Error/.exec(message)?.[0] ?? "Error";
  return format(`the engine stopped: ${kind}`, "engine-stopped", { kind });
}
