/**
 * Phase 1 as members redo it: from every contribution, or above 10^6 words from C's committed sum and fingerprints
 * (specification §6; argument and what each check is for: docs/decisions/105).
 */
import { assertSigned, refuseAuthenticity } from "./closing.ts";
import { suiteIn } from "./context.ts";
import {
  FINGERPRINT_PRIME,
  fingerprinter,
  fingerprintOfSum,
  fingerprintOfText,
  fingerprintOfWords,
  fingerprintPoint,
  foldedDigest,
  foldedOfText,
} from "./fingerprint.ts";
import type { Graph } from "./graph.ts";
import type { Fingerprint, Keys, MessageOf } from "./messages.ts";
import type { Opened, Parties, RecordOf } from "./opened.ts";
import type { Shape } from "./phase-facts.ts";
import { contributionWords, takeMasksOff, unmaskSum } from "./sum.ts";

interface Phase1 {
  readonly opened: Opened;
  readonly parties: Parties;
  readonly context0: string;
  readonly context1: string;
  readonly keys: readonly Keys[];
  readonly graph: Graph;
  readonly masked: readonly string[];
  readonly close: RecordOf<"close">;
  /** Digest of close-1, and of the views this member was shown. */
  readonly closing: string;
  readonly views: string;
  readonly shape: Shape;
}

/** The sum of the counts. Throws ERR_SECAGG_AUTHENTICITY, which is C's fault: it checks all of this before it sends. */
export function redoPhase1(about: Phase1, result: MessageOf<"result-1">): BigUint64Array {
  const { close, shape, context0, context1, keys, masked } = about;
  const unmasking = {
    base: { suite: suiteIn(about.opened), context: context1, phase: 1 as const },
    context0,
    cohort: about.opened.cohort,
    arithmetic: shape.arithmetic,
    keys,
    graph: about.graph,
    masked,
    headers: close.headers,
    secrets: result.secrets,
  };
  const { folded, contributions } = result;
  if ((folded === undefined) !== (close.sum === undefined)) {
    refuseAuthenticity("result-1: sum and fingerprints exactly where close-1 names a sum");
  }
  if (folded === undefined) return unmaskSum({ ...unmasking, ...shape, contributions });
  const sum = foldedOfText(folded, shape.words);
  if (foldedDigest(sum) !== close.sum) refuseAuthenticity("result-1: not the sum that close-1 commits to");
  if (sum.carries.some((carry) => carry >= close.headers.length)) {
    refuseAuthenticity("result-1: a carry that so many contributions cannot give");
  }
  const at = fingerprinter(fingerprintPoint(about.closing, about.views));
  let total = 0n;
  const signed = new Map(folded.fingerprints.map((one) => [one.signer, one]));
  const shown = new Map(contributions.map((one) => [one.member, one]));
  const answers = folded.fingerprints.length + contributions.length;
  if (signed.size + shown.size !== answers || answers !== close.headers.length) {
    refuseAuthenticity("result-1: one fingerprint or contribution of each survivor is needed");
  }
  for (const header of close.headers) {
    const fingerprint = signed.get(header.signer);
    const contribution = shown.get(header.signer);
    if (fingerprint !== undefined) total += fingerprintValue(about, fingerprint);
    else if (contribution !== undefined) {
      total += fingerprintOfWords(at, contributionWords(contribution, header, shape));
    } else refuseAuthenticity(`result-1: nothing of the survivor ${header.signer}`);
  }
  if (total % FINGERPRINT_PRIME !== fingerprintOfSum(at, sum)) {
    refuseAuthenticity("result-1: the sum is not that of the contributions");
  }
  takeMasksOff(sum.words, unmasking);
  return sum.words;
}

/** The number in a fingerprint that its survivor signed at this very point. */
export function fingerprintValue(
  about: Pick<Phase1, "opened" | "parties" | "context1" | "closing" | "views">,
  fingerprint: Fingerprint,
): bigint {
  const { signer, statement } = fingerprint;
  const { opened } = about;
  assertSigned(about.parties, "secagg-message", fingerprint, signer);
  if (
    statement.computation !== opened.computation ||
    statement.request !== opened.request ||
    statement.context !== about.context1 ||
    statement.body.closing !== about.closing ||
    statement.body.views !== about.views
  ) {
    refuseAuthenticity(`fingerprint of ${signer}: at another point`);
  }
  return fingerprintOfText(statement.body.value);
}
