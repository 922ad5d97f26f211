/** Callers that ask for the same thing at the same time share one run of it. */
export type SharedWork = <T>(key: string, work: () => Promise<T>) => Promise<T>;

export function createSharedWork(): SharedWork {
  const running = new Map<string, Promise<unknown>>();
  return <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const present = running.get(key) as Promise<T> | undefined;
    if (present !== undefined) return present;
    const started = work().finally(() => running.delete(key));
    running.set(key, started);
    return started;
  };
}
