/** What a command touches of the outside world, passed in so that a test can hold the whole of it. */

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly fetch: typeof fetch;
  /** A person watches: progress may redraw lines of stderr. */
  readonly interactive: boolean;
  /** Aborts at Ctrl-C or a request to stop. */
  readonly signal: AbortSignal;
  /** Calls `reload`, which does not throw, at each SIGHUP; the result ends that. */
  onReload(reload: () => Promise<void>): () => void;
  write(stream: "stdout" | "stderr", text: string): void;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** The process's own. The first interrupt aborts `signal`; a second one ends the process at once. */
export function processSurroundings(): Surroundings {
  const stop = new AbortController();
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  return {
    env: process.env,
    cwd: process.cwd(),
    fetch,
    interactive: process.stdout.isTTY === true && process.stderr.isTTY === true && process.env.CI === undefined,
    signal: stop.signal,
    onReload(reload) {
      const listener = (): void => void reload();
      process.on("SIGHUP", listener);
      return () => process.off("SIGHUP", listener);
    },
    write: (stream, text) => void process[stream].write(text),
    now: () => Date.now(),
  };
}
