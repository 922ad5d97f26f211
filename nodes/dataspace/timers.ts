/** One alarm per key; the times themselves lie on disk with what they are about. */

/** The longest that one timer of the platform can wait. */
const LONGEST_MS = 2 ** 31 - 1;

export interface Timers {
  /** `due`: UTC with Z. */
  isAhead(due: string): boolean;
  /** Replaces an earlier alarm of this key. */
  at(key: string, due: string, ring: () => void): void;
  clear(key: string): void;
  stop(): void;
}

export function createTimers(now: () => string): Timers {
  const alarms = new Map<string, NodeJS.Timeout>();
  const untilMs = (due: string): number => Date.parse(due) - Date.parse(now());
  return Object.freeze({
    isAhead: (due: string) => untilMs(due) > 0,
    at(key: string, due: string, ring: () => void) {
      clearTimeout(alarms.get(key));
      const alarm = setTimeout(
        () => {
          alarms.delete(key);
          ring();
        },
        Math.min(Math.max(untilMs(due), 0), LONGEST_MS),
      );
      alarm.unref();
      alarms.set(key, alarm);
    },
    clear(key: string) {
      clearTimeout(alarms.get(key));
      alarms.delete(key);
    },
    stop() {
      for (const alarm of alarms.values()) clearTimeout(alarm);
      alarms.clear();
    },
  });
}
