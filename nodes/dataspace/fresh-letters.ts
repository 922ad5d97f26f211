/**
 * Letters count once, and only for as long as they may be on their way: whoever passes them on could keep one, and hand
 * out a second time what has been overtaken. In memory: a start forgets those of the last minutes.
 */
import { MAX_CLOCK_SKEW_MS } from "../peer/request-signature.ts";
import type { Letter } from "./letters.ts";
import { SHELF } from "./shelf.ts";

/** It may wait on a shelf for so long, under clocks that differ. */
export const LETTER_LIFE_MS = SHELF.keptMs + MAX_CLOCK_SKEW_MS;
/** Of one author within the life of a letter: beyond it none is taken, rather than one forgotten. */
const MOST_REMEMBERED = 100_000;

type Dated = {
  readonly signer: string;
  readonly signature: string;
  readonly statement: Pick<Letter["statement"], "at">;
};

/** True once for each letter that is in time. Ask after its signature was checked: strangers fill nothing. */
export function createFreshLetters(clock: () => number, mostRemembered = MOST_REMEMBERED): (letter: Dated) => boolean {
  // Two generations: a signature stays for one to two lives, and dropping the old one costs nothing.
  const lifeMs = LETTER_LIFE_MS + MAX_CLOCK_SKEW_MS;
  let current = new Map<string, Set<string>>();
  let previous = new Map<string, Set<string>>();
  let turnedAt = clock();

  return ({ signer, signature, statement }) => {
    const now = clock();
    const at = Date.parse(statement.at);
    if (at < now - LETTER_LIFE_MS || at > now + MAX_CLOCK_SKEW_MS) return false;
    if (now - turnedAt >= lifeMs) {
      previous = now - turnedAt >= 2 * lifeMs ? new Map() : current;
      current = new Map();
      turnedAt = now;
    }
    const [fresh, older] = [current.get(signer) ?? new Set<string>(), previous.get(signer)];
    if (fresh.has(signature) || older?.has(signature) === true || fresh.size >= mostRemembered) return false;
    current.set(signer, fresh.add(signature));
    return true;
  };
}
