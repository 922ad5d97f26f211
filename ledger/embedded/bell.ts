/** A bell that any number of waiters listen to: "something changed, look again". */
export interface Bell {
  ring(): void;
  /** Resolves at the next ring, after `milliseconds` where given, or when `signal` aborts; never rejects. */
  wait(signal: AbortSignal, milliseconds?: number): Promise<void>;
}

export function createBell(): Bell {
  let waiters = new Set<() => void>();
  return Object.freeze({
    ring() {
      const woken = waiters;
      waiters = new Set();
      for (const wake of woken) wake();
    },
    wait(signal: AbortSignal, milliseconds?: number) {
      return new Promise<void>((resolve) => {
        if (signal.aborted) return resolve();
        const timer = milliseconds === undefined ? undefined : setTimeout(wake, milliseconds);
        function wake() {
          clearTimeout(timer);
          waiters.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        }
        waiters.add(wake);
        signal.addEventListener("abort", wake);
      });
    },
  });
}

/** The promise's outcome, or undefined as soon as `signal` aborts; what comes later is dropped. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stop = () => resolve(undefined);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
