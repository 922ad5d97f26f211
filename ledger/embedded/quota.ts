/**
 * How much one member may hand in: a bucket of characters that fills again steadily. Every record stays on every member's
 * disk for ever, so the share of the queue alone would only slow a flood down.
 */
import { LedgerError } from "../port.ts";

export interface Quota {
  /** Takes `length` characters of `member`'s share, or throws LedgerError ERR_LEDGER_QUOTA and takes nothing. */
  take(member: string, length: number): void;
}

export interface QuotaOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Characters at once; default 64 Mi, some 100,000 records. */
  readonly burst?: number;
  /** Characters that come back in an hour; default 16 Mi. */
  readonly perHour?: number;
}

const HOUR_MS = 3_600_000;

export function createQuota({ now, burst = 64 * 2 ** 20, perHour = 16 * 2 ** 20 }: QuotaOptions): Quota {
  const left = new Map<string, { readonly characters: number; readonly at: number }>();
  return Object.freeze({
    take(member: string, length: number) {
      const at = now();
      const known = left.get(member) ?? { characters: burst, at };
      const grown = Math.max(0, at - known.at) * (perHour / HOUR_MS);
      const characters = Math.min(burst, known.characters + grown);
      if (length > characters) {
        const minutes = Math.ceil(((length - characters) / perHour) * 60);
        throw new LedgerError(
          "ERR_LEDGER_QUOTA",
          `sequencer: ${member} has handed in its share of records; there is room for ${length} characters in ${minutes} minutes`,
        );
      }
      left.set(member, { characters: characters - length, at: Math.max(at, known.at) });
    },
  });
}
