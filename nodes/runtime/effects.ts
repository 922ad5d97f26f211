/** The world outside, as arguments: only `systemEffects` touches the real clock and generator. */
import { randomBytes } from "node:crypto";

export interface Effects {
  /** UTC with Z, milliseconds. */
  readonly now: () => string;
  /** Cryptographically secure. */
  readonly random: (bytes: number) => Uint8Array;
  /** Rings once when `now` has come to `at` (milliseconds since 1970), never before. Returns what calls it off. */
  readonly alarm: (at: number, ring: () => void) => () => void;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Timers are early by up to a millisecond. */
const MARGIN_MS = 5;

/** Resolves when the clock has come to `at`; rejects with the signal's reason when that comes first. */
export function reached({ alarm }: Pick<Effects, "alarm">, at: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const aborted = () => {
      callOff();
      reject(signal.reason);
    };
    const callOff = alarm(at, () => {
      signal.removeEventListener("abort", aborted);
      resolve();
    });
    signal.addEventListener("abort", aborted, { once: true });
  });
}

export const systemEffects: Effects = Object.freeze({
  now: () => new Date().toISOString(),
  random: (bytes: number) => new Uint8Array(randomBytes(bytes)),
  alarm(at: number, ring: () => void) {
    let timer: NodeJS.Timeout;
    const set = () => {
      const wait = Math.max(at - Date.now(), 0) + MARGIN_MS;
      timer = setTimeout(look, Math.min(wait, LONGEST_TIMER_MS));
      timer.unref();
    };
    // Timers do not follow a clock that is set back.
    const look = () => (Date.now() >= at ? ring() : set());
    set();
    return () => clearTimeout(timer);
  },
});
