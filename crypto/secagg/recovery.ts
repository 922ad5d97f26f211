/**
 * Recovering secrets from unmask messages (14, 21), and who is at fault where that fails:
 * a returned share that misses its leaf convicts the holder; shares that match their leaves but give a secret that
 * misses its commitment convict the dealer; no complaint at dealing convicts anyone.
 */

import { fromBase64url } from "../suites/encoding.ts";
import type { SuiteId } from "../suites/suite.ts";
import { leafOf, shareHash, sharingOf } from "./commitments.ts";
import { SecaggError } from "./errors.ts";
import { forgetSecrets } from "./key-agreement.ts";
import type { Keys, OpenedShare, RecoveredSecret, Unmask } from "./messages.ts";
import type { Opened } from "./opened.ts";
import { encapsulates, openSeed } from "./pair-seeds.ts";
import { SHARINGS } from "./share-box.ts";
import { recoverSecret } from "./sharing.ts";
import { secretFits } from "./sum.ts";

interface Blame {
  readonly member: string;
  readonly reason: "wrong-share" | "wrong-set" | "wrong-secret";
}

interface Wanted {
  readonly member: string;
  readonly kind: "pair" | "self";
}

/** Self seeds of survivors, pair keys of the rest, in the order of `masked`. */
export const wantedSecrets = (masked: readonly string[], survivors: readonly string[]): Wanted[] =>
  kindsFor(masked, new Set(survivors));
const kindsFor = (masked: readonly string[], present: ReadonlySet<string>): Wanted[] =>
  masked.map((member) => ({ member, kind: present.has(member) ? "self" : "pair" }));

/** Does a share open the leaf its dealer committed to for this holder? `leaf` is the one under the signed root. */
function shareFits(
  context0: string,
  phase: 1 | 2,
  holder: string,
  opened: OpenedShare,
  leaf: string | undefined,
): boolean {
  const index = SHARINGS.indexOf(sharingOf(opened.kind, phase));
  return (
    opened.hashes[index] === shareHash(fromBase64url(opened.share, "share", 33)) &&
    leafOf(context0, opened.dealer, holder, opened.hashes) === leaf
  );
}

/** Faults of one holder's answer: shares nobody asked for, of the wrong kind, twice, or off their leaves. */
export function unmaskFault(
  context0: string,
  phase: 1 | 2,
  unmask: Unmask,
  wanted: readonly Wanted[],
  leaf: (dealer: string, holder: string) => string | undefined,
): Blame | undefined {
  const kinds = new Map(wanted.map(({ member, kind }) => [member, kind]));
  const seen = new Set<string>();
  for (const opened of unmask.statement.body.shares) {
    if (kinds.get(opened.dealer) !== opened.kind || seen.has(opened.dealer)) {
      return { member: unmask.signer, reason: "wrong-set" };
    }
    seen.add(opened.dealer);
    if (!shareFits(context0, phase, unmask.signer, opened, leaf(opened.dealer, unmask.signer))) {
      return { member: unmask.signer, reason: "wrong-share" };
    }
  }
  return undefined;
}

/** Seeds that survivors gave to a member which dropped out; null where one does not open with its secret. */
function givenSeeds(
  options: Parameters<typeof recoverAll>[0],
  taker: Keys,
  secret: string,
): RecoveredSecret["seeds"] | null {
  const { suite, context0, cohort, phase, seedBoxOf } = options;
  const survivors = new Set(options.wanted.flatMap(({ member, kind }) => (kind === "self" ? [member] : [])));
  try {
    return options.keys.flatMap((giver) => {
      const box = survivors.has(giver.signer) ? seedBoxOf(giver.signer, taker.signer) : undefined;
      if (box === undefined) return [];
      const given = openSeed({ suite, context0, cohort }, phase, { giver, taker }, secret, box);
      return [{ ...given, path: [...given.path] }];
    });
  } catch (cause) {
    if (cause instanceof SecaggError || cause instanceof RangeError) return null;
    throw cause;
  } finally {
    forgetSecrets([secret]);
  }
}

type Recovery =
  | { readonly kind: "recovered"; readonly secrets: readonly RecoveredSecret[] }
  | { readonly kind: "waiting" }
  | { readonly kind: "fault"; readonly blame: Blame };

/** `answers` have no fault of their own. Threshold many shares of every wanted secret are needed. */
export function recoverAll(options: {
  suite: SuiteId;
  context0: string;
  cohort: Opened["cohort"];
  phase: 1 | 2;
  threshold: number;
  wanted: readonly Wanted[];
  /** Where the suite encapsulates: what `giver` sealed for `taker`. */
  seedBoxOf: (giver: string, taker: string) => string | undefined;
  keys: readonly Keys[];
  answers: readonly Unmask[];
  holdersOf: (dealer: string) => readonly string[];
  /** Share point of a holder: its place in the cohort, from 1. */
  pointOf: (holder: string) => number;
}): Recovery {
  const { phase, threshold, answers } = options;
  // Asked with every answer: as long as one dealer's holders are too few, no share is read.
  const answered = new Set(answers.map(({ signer }) => signer));
  const isTooFew = (dealer: string): boolean =>
    options.holdersOf(dealer).reduce((n, holder) => n + (answered.has(holder) ? 1 : 0), 0) < threshold;
  if (options.wanted.some(({ member }) => isTooFew(member))) return { kind: "waiting" };
  const shares = new Map<string, { point: number; share: Uint8Array }[]>();
  for (const answer of answers) {
    const point = options.pointOf(answer.signer);
    for (const { dealer, share } of answer.statement.body.shares) {
      const list = shares.get(dealer) ?? [];
      if (list.length < threshold) {
        list.push({ point, share: fromBase64url(share, "share", 33) });
      }
      shares.set(dealer, list);
    }
  }
  if (options.wanted.some(({ member }) => (shares.get(member)?.length ?? 0) < threshold)) return { kind: "waiting" };
  const secrets: RecoveredSecret[] = [];
  const keysOf = new Map(options.keys.map((keys) => [keys.signer, keys]));
  for (const { member, kind } of options.wanted) {
    const secret = recoverSecret(shares.get(member)!);
    const owner = keysOf.get(member)!;
    const { suite, context0: context, cohort } = options;
    const fault: Recovery = { kind: "fault", blame: { member, reason: "wrong-secret" } };
    if (secret === undefined || !secretFits(owner, { suite, context, phase, cohort }, { kind, secret })) return fault;
    const seeds = kind === "pair" && encapsulates(suite) ? givenSeeds(options, owner, secret) : undefined;
    // It accepted these very boxes: see onBoxes.
    if (seeds === null) return fault;
    secrets.push({ member, kind, secret, ...(seeds === undefined ? {} : { seeds }) });
  }
  return { kind: "recovered", secrets };
}
