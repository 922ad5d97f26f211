/**
 * The chain of contexts every mask and statement is bound to (specification §3):
 * ctx0 = H(opened), ctx1 = H(ctx0, U, V), ctx2 = H(ctx1, close-1, bitmap). Views that differ anywhere never cancel.
 */
import { canonicalJson, digestOf, sha256 } from "../suites/digest.ts";
import { utf8 } from "../suites/encoding.ts";
import type { SuiteId } from "../suites/suite.ts";
import type { Header, Opened, RecordOf } from "./opened.ts";

/** What masks and boxes of a computation are made with. */
const LABELS: Readonly<Record<SuiteId, string>> = {
  intl: "sealane/secagg/x25519-hkdf-sha256-aes256ctr/v1",
  gm: "sealane/secagg/sm2-hkdf-sm3-sm4ctr/v1",
  "intl-pq": "sealane/secagg/xwing-hkdf-sha256-aes256ctr/v1",
};
/** In contexts that follow from the first one, which has the label of the computation's own suite. */
export const SUITE = LABELS.intl;

/** Openings name their suite; those from before there were two were of intl. */
export const suiteIn = (opened: Pick<Opened, "suite">): SuiteId => opened.suite ?? "intl";

export const openingContext = (opened: Opened): string =>
  digestOf({ suite: LABELS[suiteIn(opened)], context: 0, opened });

export const maskContext = (
  context0: string,
  keyset: Pick<RecordOf<"keyset">, "members" | "root">,
  maskset: Pick<RecordOf<"maskset">, "members" | "root">,
  /** What the graph was drawn from; null where it is complete. */
  graph: string | null,
): string =>
  digestOf({
    suite: SUITE,
    context: 1,
    previous: context0,
    keyset: { members: keyset.members, root: keyset.root },
    maskset: { members: maskset.members, root: maskset.root },
    ...(graph === null ? {} : { graph }),
  });

/** `closing` is null in registry mode, where S1 = V is bound by ctx1. */
export const valueContext = (context1: string, closing: string | null, bitmap: string): string =>
  digestOf({ suite: SUITE, context: 2, previous: context1, closing, bitmap });

/** What views sign: the content of a closing record. */
export const closingDigest = (
  computation: string,
  close: {
    readonly phase: 1 | 2;
    readonly headers: readonly Header[];
    readonly root: string;
    readonly sum?: string | undefined;
  },
): string => {
  const { phase, headers, root, sum } = close;
  return digestOf({ computation, phase, headers, root, ...(sum === undefined ? {} : { sum }) });
};

export interface KeyUse {
  readonly suite: SuiteId;
  readonly context: string;
  readonly kind: "pair" | "self" | "envelope" | "seal" | "view" | "pair-seed";
  readonly phase: 0 | 1 | 2;
  /** pair, pair-seed, view: ascending; envelope: member, receiver; seal: dealer, holder; self: the member twice. */
  readonly ids: readonly [string, string];
  /** Public keys of `ids`; for self the seed hash twice. */
  readonly keys: readonly [string, string];
}

/** HKDF info of one key: 32 bytes. */
export const keyInfo = ({ context, ids, keys, kind, phase, suite }: KeyUse): Uint8Array =>
  // In the order of the canonical text, which is quicker: there is one for every pair.
  sha256(utf8(canonicalJson({ context, ids, keys, kind, phase, suite: LABELS[suite] })));
