/** Wakes whoever waits for something to happen to one key. A ring that nobody waits for is forgotten. */
export interface KeyedBell {
  /** Resolves at the next ring of the key, when the bell is closed, or after `ms`. */
  wait(key: string, ms: number): Promise<void>;
  ring(key: string): void;
  /** Rings every key; from now on nobody waits. */
  close(): void;
  isClosed(): boolean;
}

export function createKeyedBell(): KeyedBell {
  const waiting = new Map<string, Set<() => void>>();
  let closed = false;

  const ring = (key: string): void => {
    for (const wake of [...(waiting.get(key) ?? [])]) wake();
  };

  return Object.freeze({
    wait(key: string, ms: number) {
      if (closed || ms <= 0) return Promise.resolve();
      return new Promise<void>((resolve) => {
        const own = waiting.get(key) ?? new Set();
        const wake = () => {
          clearTimeout(timer);
          own.delete(wake);
          if (own.size === 0 && waiting.get(key) === own) waiting.delete(key);
          resolve();
        };
        const timer = setTimeout(wake, ms);
        waiting.set(key, own.add(wake));
      });
    },
    ring,
    close() {
      closed = true;
      for (const key of [...waiting.keys()]) ring(key);
    },
    isClosed: () => closed,
  });
}
