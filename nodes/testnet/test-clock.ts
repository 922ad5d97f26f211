/** The clock of a whole network, which a test moves ahead where its nodes would only wait for a deadline. */
import { type Effects, systemEffects } from "../runtime/effects.ts";

export interface TestClock extends Effects {
  /** Milliseconds since 1970. */
  time(): number;
  /** From now on it is at least this late: what was to ring until then rings now. */
  moveTo(at: number): void;
}

export function createTestClock(): TestClock {
  let ahead = 0;
  const pending = new Set<() => void>();
  const time = () => Date.now() + ahead;

  return Object.freeze({
    random: systemEffects.random,
    now: () => new Date(time()).toISOString(),
    time,
    alarm(at: number, ring: () => void) {
      const set = () => systemEffects.alarm(at - ahead, rings);
      const rings = () => {
        pending.delete(again);
        ring();
      };
      let callOff = set();
      const again = () => {
        callOff();
        callOff = set();
      };
      pending.add(again);
      return () => {
        pending.delete(again);
        callOff();
      };
    },
    moveTo(at: number) {
      ahead = Math.max(ahead, at - Date.now());
      for (const again of [...pending]) again();
    },
  });
}
