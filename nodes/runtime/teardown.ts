/** Closes what was opened, last first. One failure does not keep the rest open; the first one is thrown at the end. */
export interface Teardown {
  add(close: () => Promise<unknown>): void;
  /** Idempotent: later calls wait for the first. */
  run(): Promise<void>;
}

export function createTeardown(): Teardown {
  const steps: (() => Promise<unknown>)[] = [];
  let running: Promise<void> | undefined;

  async function closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of steps.reverse()) {
      await close().catch((error) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
  return Object.freeze({
    add: (close: () => Promise<unknown>) => void steps.push(close),
    run() {
      running ??= closeAll();
      return running;
    },
  });
}
