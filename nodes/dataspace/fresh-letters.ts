/**
 * Letters count once, and only for as long as they may be on their way: whoever passes them on could keep one, and hand
 * out a second time what has been overtaken. In memory: a start forgets those of the last minutes.
 */
import { MAX_CLOCK_SKEW_MS } from "../peer/request-signature.ts";
import type { Letter } from "./letters.ts";
import { SHELF } from "./shelf.ts";

/** It may wait on a shelf for so long, under clocks that differ. */
export const LETTER_LIFE_MS = SHELF.keptMs + MAX_CLOCK_SKEW_MS;
interface Remembered {
  readonly ofOne: number;
  readonly inAll: number;
  readonly always: number;
}
/**
 * Letters within the life of one: of an author, and of all together (some 150 bytes each). Beyond it none is taken, rather than
 * one forgotten; the few that everybody has are taken however much the others write.
 */
const MOST_REMEMBERED: Remembered = Object.freeze({ ofOne: 100_000, inAll: 1_000_000, always: 100 });

type Dated = {
  readonly signer: string;
  readonly signature: string;
  readonly statement: Pick<Letter["statement"], "at">;
};

/** True once for each letter that is in time. Ask after its signature was checked: strangers fill nothing. */
export function createFreshLetters(clock: () => number, most = MOST_REMEMBERED): (letter: Dated) => boolean {
  // Two generations: a signature stays for one to two lives, and dropping the old one costs nothing.
  const lifeMs = LETTER_LIFE_MS + MAX_CLOCK_SKEW_MS;
  let current = new Map<string, Set<string>>();
  let previous = new Map<string, Set<string>>();
  let count = 0;
  let turnedAt = clock();

  return ({ signer, signature, statement }) => {
    const now = clock();
    const at = Date.parse(statement.at);
    if (at < now - LETTER_LIFE_MS || at > now + MAX_CLOCK_SKEW_MS) return false;
    if (now - turnedAt >= lifeMs) {
      previous = now - turnedAt >= 2 * lifeMs ? new Map() : current;
      current = new Map();
      count = 0;
      turnedAt = now;
    }
    const [fresh, older] = [current.get(signer) ?? new Set<string>(), previous.get(signer)];
    const allowed = count < most.inAll ? most.ofOne : most.always;
    if (fresh.has(signature) || older?.has(signature) === true || fresh.size >= allowed) return false;
    current.set(signer, fresh.add(signature));
    count += 1;
    return true;
  };
}
