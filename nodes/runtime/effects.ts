/** The world outside, as arguments: only `systemEffects` touches the real clock and generator. */
import { randomBytes } from "node:crypto";

export interface Effects {
  /** UTC with Z, milliseconds. */
  readonly now: () => string;
  /** Cryptographically secure. */
  readonly random: (bytes: number) => Uint8Array;
}

export const systemEffects: Effects = Object.freeze({
  now: () => new Date().toISOString(),
  random: (bytes: number) => new Uint8Array(randomBytes(bytes)),
});
