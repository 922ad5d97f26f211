/** One task per key at a time; poking a busy key runs it once more afterwards. Failures are repeated with a pause. */

export interface KeyedQueue {
  poke(key: string): void;
  stop(): Promise<void>;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export function createKeyedQueue(options: {
  readonly run: (key: string) => Promise<void>;
  /** True when it makes sense to try again without being poked. */
  readonly isPassing: (error: unknown) => boolean;
  readonly onError: (key: string, error: unknown) => void;
}): KeyedQueue {
  const running = new Map<string, Promise<void>>();
  const again = new Set<string>();
  const pauses = new Map<string, number>();
  const timers = new Set<NodeJS.Timeout>();
  let stopped = false;

  async function work(key: string): Promise<void> {
    do {
      again.delete(key);
      try {
        await options.run(key);
        pauses.delete(key);
      } catch (error) {
        if (stopped) return;
        options.onError(key, error);
        if (options.isPassing(error)) later(key);
      }
    } while (again.has(key) && !stopped);
  }

  function later(key: string): void {
    const pause = pauses.get(key) ?? FIRST_PAUSE_MS;
    pauses.set(key, Math.min(2 * pause, LONGEST_PAUSE_MS));
    const timer = setTimeout(() => {
      timers.delete(timer);
      poke(key);
    }, pause);
    timer.unref();
    timers.add(timer);
  }

  function poke(key: string): void {
    if (stopped) return;
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
      for (const timer of timers) clearTimeout(timer);
      await Promise.all(running.values());
    },
  });
}
