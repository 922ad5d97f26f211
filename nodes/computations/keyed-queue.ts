/**
 * One task per key at a time; poking a busy key runs it once more afterwards. Failures are repeated with a pause, by one
 * timer for each key, however often it is poked meanwhile.
 */

export interface KeyedQueue {
  poke(key: string): void;
  stop(): Promise<void>;
}

/** After failures: each twice the one before, up to the longest. */
export interface Pauses {
  readonly firstMs: number;
  readonly longestMs: number;
}
const PAUSES: Pauses = Object.freeze({ firstMs: 500, longestMs: 30_000 });

export function createKeyedQueue(options: {
  readonly run: (key: string) => Promise<void>;
  /** True when it makes sense to try again without being poked. */
  readonly isPassing: (error: unknown) => boolean;
  readonly onError: (key: string, error: unknown) => void;
  /** A poke after a failure waits for the end of the pause too: whoever pokes must not set the pace. */
  readonly keepsPause?: boolean;
  readonly pauses?: Pauses | undefined;
}): KeyedQueue {
  const { firstMs, longestMs } = options.pauses ?? PAUSES;
  const running = new Map<string, Promise<void>>();
  const again = new Set<string>();
  const pauses = new Map<string, number>();
  const timers = new Map<string, NodeJS.Timeout>();
  let stopped = false;

  async function work(key: string): Promise<void> {
    do {
      again.delete(key);
      clearTimeout(timers.get(key));
      timers.delete(key);
      try {
        await options.run(key);
        pauses.delete(key);
      } catch (error) {
        if (stopped) return;
        options.onError(key, error);
        if (options.isPassing(error)) later(key);
      }
    } while (again.has(key) && !stopped && !(options.keepsPause === true && timers.has(key)));
  }

  function later(key: string): void {
    const pause = pauses.get(key) ?? firstMs;
    pauses.set(key, Math.min(2 * pause, longestMs));
    clearTimeout(timers.get(key));
    const timer = setTimeout(() => {
      timers.delete(key);
      poke(key);
    }, pause);
    timer.unref();
    timers.set(key, timer);
  }

  function poke(key: string): void {
    if (stopped || (options.keepsPause === true && timers.has(key))) return;
    if (running.has(key)) {
      again.add(key);
      return;
    }
    const done = work(key).finally(() => {
      running.delete(key);
      // Poked between the end of the work and here.
      if (again.delete(key)) poke(key);
    });
    running.set(key, done);
  }

  return Object.freeze({
    poke,
    async stop() {
      stopped = true;
      for (const timer of timers.values()) clearTimeout(timer);
      await Promise.all(running.values());
    },
  });
}
