/** Repeats until it works or the signal aborts: for deliveries whose bytes are on disk already. */
import { setTimeout as sleep } from "node:timers/promises";

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

/** `isFinal` says which errors no repetition can mend; they are thrown. Undefined when the signal aborted. */
export async function untilDone<T>(
  attempt: () => Promise<T>,
  options: { readonly signal: AbortSignal; readonly isFinal: (error: unknown) => boolean },
): Promise<T | undefined> {
  for (let pause = FIRST_PAUSE_MS; !options.signal.aborted; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      return await attempt();
    } catch (error) {
      if (options.signal.aborted) return undefined;
      if (options.isFinal(error)) throw error;
    }
    await sleep(pause, undefined, { signal: options.signal }).catch(() => undefined);
  }
  return undefined;
}
