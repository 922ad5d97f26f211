/** Runs one of Fabric's programs to its end. */
import { spawn } from "node:child_process";
import { basename } from "node:path";
import { FabricNetworkError } from "./fabric-error.ts";

const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;
const TAIL_LINES = 12;

export interface RunOptions {
  /** The whole environment of the program. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface RunEnd {
  readonly code: number;
  /** Standard output alone. */
  readonly data: string;
  /** Standard output and error as they came, without colours. */
  readonly output: string;
}

/** Rejects with FabricNetworkError only when the program does not start or has to be stopped. */
export function run(path: string, args: readonly string[], options: RunOptions): Promise<RunEnd> {
  const { env, cwd, timeoutMs, signal } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(path, args, { env, stdio: ["ignore", "pipe", "pipe"], ...(cwd === undefined ? {} : { cwd }) });
    const chunks: { readonly data: Buffer; readonly out: boolean }[] = [];
    let bytes = 0;
    const keep = (out: boolean) => (data: Buffer) => {
      bytes += data.length;
      if (bytes <= MAX_OUTPUT_BYTES) chunks.push({ data, out });
    };
    child.stdout.on("data", keep(true));
    child.stderr.on("data", keep(false));
    const text = (wanted: readonly { readonly data: Buffer }[]) =>
      withoutColours(Buffer.concat(wanted.map(({ data }) => data)).toString("utf8"));
    const stop = () => child.kill("SIGKILL");
    const timer = setTimeout(stop, timeoutMs);
    signal?.addEventListener("abort", stop, { once: true });
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    };
    child.once("error", (cause) => {
      settle();
      reject(new FabricNetworkError("ERR_FABRIC_COMMAND", `${path}: ${cause.message}`, { cause }));
    });
    child.once("close", (code) => {
      settle();
      const output = text(chunks);
      if (code !== null) return resolve({ code, data: text(chunks.filter(({ out }) => out)), output });
      const why = signal?.aborted === true ? "interrupted" : `no end within ${timeoutMs} ms`;
      reject(new FabricNetworkError("ERR_FABRIC_COMMAND", `${nameOf(path, args)}: ${why}\n${tailOf(output)}`));
    });
  });
}

/** As `run`, and an exit code other than 0 throws FabricNetworkError with the last lines of what was said. */
export async function runWell(path: string, args: readonly string[], options: RunOptions): Promise<RunEnd> {
  const end = await run(path, args, options);
  if (end.code === 0) return end;
  throw new FabricNetworkError(
    "ERR_FABRIC_COMMAND",
    `${nameOf(path, args)}: ended with ${end.code}\n${tailOf(end.output)}`,
  );
}

export const tailOf = (text: string, lines = TAIL_LINES): string => text.trimEnd().split("\n").slice(-lines).join("\n");

const nameOf = (path: string, args: readonly string[]): string =>
  [basename(path), ...args.filter((arg) => !arg.startsWith("-")).slice(0, 3)].join(" ");

// biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with one
export const withoutColours = (text: string): string => text.replace(/\u001b\[[0-9;]*m/g, "");
