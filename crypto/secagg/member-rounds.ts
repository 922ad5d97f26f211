/** What both phases share: contributions, checks on closing sets, answers. */
import { fromBase64url, toBase64url } from "../suites/encoding.ts";
import { chunkHash, chunksRoot } from "./chunks.ts";
import { contributionDeadline, survivorsOf } from "./closing.ts";
import { shareHashes, sharingOf } from "./commitments.ts";
import { VIEW_TOLERANCE_MS } from "./constants.ts";
import { closingDigest } from "./context.ts";
import { SecaggError } from "./errors.ts";
import { acceptances, type GraphProblem, survivorProblem } from "./graph.ts";
import { finish, graphIn, type MemberStep, statementOf } from "./member-setup.ts";
import type { Held, InStage, MaskedData, Masking, MemberBase } from "./member-state.ts";
import type { Keys, OpenedShare } from "./messages.ts";
import type { RecordOf } from "./opened.ts";
import { wantedSecrets } from "./recovery.ts";
import type { FourShares } from "./share-box.ts";
import type { MemberDeps, MemberEffect } from "./step.ts";

export type Masked = MemberBase & MaskedData;

/**
 * Signs the header over chunks that are persisted before they leave; never called twice for one phase. The first chunk is
 * part of the message, and so of the state.
 */
export function contribution<const P extends 1 | 2>(
  state: Masked,
  about: { readonly phase: P; readonly context: string; readonly bytes: number },
  { chunks, first }: Masking,
  deps: MemberDeps,
) {
  const type = `contribution-${about.phase}` as const;
  const header = deps.sign("secagg-message", {
    type,
    computation: state.opened.computation,
    context: about.context,
    bytes: about.bytes,
    digest: chunksRoot(chunks),
  });
  return { type, computation: state.opened.computation, header, chunks: [...chunks], words: first };
}

/** The next chunk is masked: the first stays at hand, all others go to the disk. */
export function maskedChunk(
  phase: 1 | 2,
  { chunks, first }: Masking,
  bytes: Uint8Array,
): { readonly masking: Masking; readonly effects: MemberEffect[] } {
  const index = chunks.length;
  return {
    masking: { chunks: [...chunks, chunkHash(bytes)], first: index === 0 ? toBase64url(bytes) : first },
    effects: index === 0 ? [] : [{ kind: "keep", phase, index, words: bytes }],
  };
}

/** What this member's own masks are made from. */
export const maskOwner = ({ keys, secrets, held }: Masked, phase: 1 | 2) => ({
  keys,
  seed: secrets[`seed${phase}`],
  pairPrivateKey: secrets[`pair${phase}`],
  seeds: new Map(
    held.flatMap((one): [string, string][] => {
      const seed = one[`seed${phase}`];
      return seed === undefined ? [] : [[one.dealer, seed]];
    }),
  ),
});

/** Keys of those this member shares pair masks with in a phase: its neighbours among `masked`. */
export function maskPartners(state: Masked, masked: readonly string[]): readonly Keys[] {
  const present = new Set(masked);
  const graph = graphIn(state);
  return state.keyset.filter(({ signer }) => present.has(signer) && graph.areNeighbours(state.self, signer));
}

type Close =
  | {
      readonly kind: "survivors";
      readonly survivors: string[];
      readonly digest: string;
      readonly record: RecordOf<"close">;
    }
  | { readonly kind: "early"; readonly wake: MemberEffect }
  | { readonly kind: "step"; readonly step: MemberStep };

/** 11, 12, 19, 20: the closing record is right, this member is not wrongly left out, and its own clock agrees. */
export function closed(
  state: Masked & { readonly receipts: MemberBase["receipts"] },
  record: RecordOf<"close">,
  wanted: { allowed: readonly string[]; context: string; bytes: number },
  now: number,
): Close {
  const { opened, parties, self } = state;
  const phase = record.phase;
  let survivors: string[];
  try {
    survivors = survivorsOf(opened, parties, record, wanted);
  } catch (cause) {
    if (cause instanceof SecaggError) return { kind: "step", step: finish(state, "aborted", "closing-set") };
    throw cause;
  }
  const receipt = state.receipts[phase];
  if (!survivors.includes(self) && receipt !== undefined) {
    const omitted = { ...baseOf(state), stage: "omitted" as const, phase, receipt };
    return { kind: "step", step: { state: omitted, ...omittedNotice(omitted) } };
  }
  const complete = survivors.length === wanted.allowed.length;
  const problem = graphProblem(state, wanted.allowed, survivors);
  if (problem !== undefined) return { kind: "step", step: finish(state, "aborted", problem) };
  const from = contributionDeadline(opened, phase) - VIEW_TOLERANCE_MS;
  if (!complete && now < from) return { kind: "early", wake: { kind: "wake", at: from } };
  return { kind: "survivors", survivors, digest: closingDigest(opened.computation, record), record };
}

/** 12, 20 with neighbours: nothing opens unless the survivors hang together with enough live holders each. */
function graphProblem(
  state: Masked,
  masked: readonly string[],
  survivors: readonly string[],
): GraphProblem | undefined {
  if (state.opened.graph === "complete") return undefined;
  const members = state.keyset.map((keys) => keys.signer);
  const { threshold } = state.opened.constants;
  const accepted = acceptances(members, state.accepted);
  return survivorProblem(graphIn(state), { survivors, masked, threshold, accepted });
}

const baseOf = ({ self, opened, parties, context0, facts, inbox, receipts }: MemberBase): MemberBase => ({
  self,
  opened,
  parties,
  context0,
  facts,
  inbox,
  receipts,
});

/** What an omitted holder of a receipt posts instead of a view: to the ledger and to R. */
export function omittedNotice(state: InStage<"omitted">): Pick<MemberStep, "send" | "effects"> {
  const { computation, receiver } = state.opened;
  const { phase, receipt } = state;
  return {
    send: [{ to: receiver, message: { type: "omitted", computation, phase, receipt } }],
    effects: [{ kind: "submit", type: "computation.omitted", body: { computation, phase, receipt } }],
  };
}

/** 14, 21: one kind of share per dealer, fixed by the closed set; the bytes are persisted and never change. */
export function answer<const P extends 1 | 2>(
  state: Masked,
  about: { phase: P; context: string; closing: string; masked: readonly string[]; survivors: readonly string[] },
  deps: MemberDeps,
) {
  const { phase, context, closing } = about;
  const heldOf = new Map(state.held.map((held) => [held.dealer, held]));
  const shares: OpenedShare[] = wantedSecrets(about.masked, about.survivors).flatMap(({ member, kind }) => {
    const held = heldOf.get(member);
    if (held === undefined) return [];
    const share = held[sharingOf(kind, phase)];
    return [{ dealer: member, kind, share, hashes: shareHashes(fourShares(held)) }];
  });
  const type = `unmask-${phase}` as const;
  const unmask = deps.sign("secagg-message", statementOf(state, type, phase, context, { closing, shares }));
  return { type, computation: state.opened.computation, unmask };
}

const fourShares = (held: Held): FourShares => ({
  pair1: fromBase64url(held.pair1, "share"),
  self1: fromBase64url(held.self1, "share"),
  pair2: fromBase64url(held.pair2, "share"),
  self2: fromBase64url(held.self2, "share"),
});
