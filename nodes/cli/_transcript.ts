/** Runs one command line in this process and keeps what it said: the transcript that CLI tests compare. */
import { runCli } from "./run.ts";
import type { Surroundings } from "./surroundings.ts";

export interface Transcript {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TranscriptOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Told with everything written so far, for commands that run until they are stopped. */
  readonly onWrite?: (stream: "stdout" | "stderr", text: string) => void;
}

/** `line` is split at spaces; a part in double quotes stays whole. */
export async function sealane(line: string, options: TranscriptOptions): Promise<Transcript> {
  const said = { stdout: "", stderr: "" };
  const surroundings: Surroundings = {
    env: options.env ?? {},
    cwd: options.cwd,
    fetch,
    interactive: false,
    signal: options.signal ?? new AbortController().signal,
    onReload: () => () => undefined,
    write(stream, text) {
      said[stream] += text;
      options.onWrite?.(stream, said[stream]);
    },
    now: () => Date.now(),
  };
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "");
  const exitCode = await runCli(words, surroundings);
  return { exitCode, ...said };
}

export interface StartedNode {
  /** Ctrl-C; resolves with the whole transcript. */
  stop(): Promise<Transcript>;
}

/** `sealane node start` in this process; resolves once the node says that it is ready. */
export async function startedNode(dir: string, cwd: string): Promise<StartedNode> {
  const interrupt = new AbortController();
  let ready = (): void => undefined;
  const isReady = new Promise<void>((resolve) => {
    ready = resolve;
  });
  const onWrite = (_stream: string, text: string): void => {
    if (text.includes("Node is ready")) ready();
  };
  const ended = sealane(`node start --dir ${dir}`, { cwd, signal: interrupt.signal, onWrite });
  const early = ended.then(({ stderr }) => {
    throw new Error(`the node stopped before it was ready: ${stderr}`);
  });
  await Promise.race([isReady, early]);
  early.catch(() => undefined);
  return {
    stop: () => {
      interrupt.abort();
      return ended;
    },
  };
}
