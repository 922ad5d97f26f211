/**
 * Every message between members, coordinator and receiver (numbers as in the specification's message table).
 * All are plain JSON; binary values are unpadded base64url. A driver hands the received text to `parseMessage`
 * (size limit, then schema) before anything else; the role steps authenticate.
 * Messages 1, 4, 8, 11, 16, 19 and 23 are ledger records: see `LedgerRecord` in opened.ts.
 */
import { type Static, type TSchema, Type } from "typebox";
import { Compile } from "typebox/compile";
import { SUITE_IDS } from "../suites/suite.ts";
import {
  CHUNK_WORDS,
  MAXIMUM_CHUNKS,
  mostShown,
  NEIGHBOURS,
  RIDING_WORDS,
  TRANSCRIPT_WORDS,
  VIEW_TAG_BYTES,
} from "./constants.ts";
import { SecaggError } from "./errors.ts";

const closed = <T extends Record<string, TSchema>>(properties: T) =>
  Type.Object(properties, { additionalProperties: false });
const text = (pattern: string) => Type.String({ pattern });
/** So many bytes in the one way to write them: unused bits of the last character are zero (RFC 4648 section 3.5). */
const base64url = (bytes: number) => {
  const last = ["[A-Za-z0-9_-]", "[AQgw]", "[AEIMQUYcgkosw048]"][bytes % 3];
  return text(`^[A-Za-z0-9_-]{${Math.ceil((bytes * 4) / 3) - 1}}${last}$`);
};

const MAXIMUM_MEMBERS = 1000;
const MemberId = text("^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$");
const Uuid = text("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$");
const Instant = text("^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(?:\\.\\d{3})?Z$");
const Code = text("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$");
const Digest = base64url(32);
const Binary = text("^[A-Za-z0-9_-]*$");
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const list = <T extends TSchema>(item: T) => Type.Array(item, { maxItems: MAXIMUM_MEMBERS });
const signed = <T extends TSchema>(statement: T) =>
  closed({
    statement,
    signer: MemberId,
    key: base64url(16),
    suite: Type.Enum([...SUITE_IDS]),
    signature: base64url(64),
  });
const statement = <const N extends string, const P extends 0 | 1 | 2, T extends TSchema>(type: N, phase: P, body: T) =>
  signed(
    closed({
      type: Type.Literal(type),
      computation: Uuid,
      request: Uuid,
      phase: Type.Literal(phase),
      context: Digest,
      body,
    }),
  );

// ---- statements that members sign (domain "secagg-message")

/** Of a suite's key agreement: 32 bytes, the 66 of two points, or the 1,216 of X-Wing. */
const AgreementKey = text("^(?:[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]|[A-Za-z0-9_-]{88}|[A-Za-z0-9_-]{1621}[AQgw])$");
/** What R derives the mask of a member's values with: a key, or in 1,120 bytes what the member encapsulated to R's. */
const EnvelopeKey = text("^(?:[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]|[A-Za-z0-9_-]{88}|[A-Za-z0-9_-]{1493}[AQgw])$");

/** 3 Four public keys and the hashes of the two self seeds. */
const KeysStatement = statement(
  "keys",
  0,
  closed({
    pair1: AgreementKey,
    pair2: AgreementKey,
    seal: AgreementKey,
    envelope: EnvelopeKey,
    seed1: Digest,
    seed2: Digest,
    /** Where the suite encapsulates: roots over the seeds for members with greater ids (pair-seeds.ts). */
    seeds1: Type.Optional(Digest),
    seeds2: Type.Optional(Digest),
    /** More than 129 members: commitment to the nonce of message `reveal`. */
    nonce: Type.Optional(Digest),
  }),
);
/** 4 The nonce behind the commitment, for the key set with this root on the ledger. */
const RevealStatement = statement("reveal", 0, closed({ root: Digest, nonce: base64url(32) }));
/** 2, before 8: refuses or withdraws, on metadata only. */
const RefusalStatement = statement("refusal", 0, closed({ reason: Code }));
/** 5 Merkle root over the leaf hashes in the order of U. */
const SharesStatement = statement("shares", 0, closed({ root: Digest }));
/** 7 Bit i: the box of the i-th member of U opened and matched its leaf. */
const AcceptStatement = statement("accept", 0, closed({ accepted: Binary }));
/** 9, 17 As on the ledger. */
const header = <const N extends string>(type: N) =>
  signed(closed({ type: Type.Literal(type), computation: Uuid, context: Digest, bytes: Count, digest: Digest }));
const Header1 = header("contribution-1");
const Header2 = header("contribution-2");
/** 12, 20 (domain "view"). `digest` is that of the closing record, `position` its place on the ledger. */
const view = <const P extends 1 | 2>(phase: P) =>
  signed(closed({ computation: Uuid, request: Uuid, phase: Type.Literal(phase), digest: Digest, position: Count }));
/** For one holder each: see view-tags.ts. */
const ViewTag = base64url(VIEW_TAG_BYTES);
const View1 = view(1);
const View2 = view(2);
const TagOrNone = Type.Union([Type.Literal(""), ViewTag]);
/** 10, 18 (domain "receipt", signed by C). `header` is the digest of the signed header. */
export const Receipt = signed(
  closed({ computation: Uuid, phase: Type.Enum([1, 2]), member: MemberId, header: Digest, time: Instant }),
);
/** One share with the opening of its leaf: hashes of the four shares in the order pair-1, self-1, pair-2, self-2. */
export const OpenedShare = closed({
  dealer: MemberId,
  kind: Type.Enum(["pair", "self"]),
  share: base64url(33),
  hashes: Type.Array(Digest, { minItems: 4, maxItems: 4 }),
});
const unmaskBody = closed({ closing: Digest, shares: list(OpenedShare) });
const Unmask1Statement = statement("unmask-1", 1, unmaskBody);
const Unmask2Statement = statement("unmask-2", 2, unmaskBody);

/** 14 With the answer of a survivor: F(r, own words) at the point that closing set and shown views give (see fingerprint.ts). */
const FingerprintStatement = statement(
  "fingerprint",
  1,
  closed({ closing: Digest, views: Digest, value: base64url(16) }),
);

const salted = closed({ salt: base64url(32), document: Type.Unknown() });
/** A recovered 32-byte secret: the self seed of a survivor, or the pair private key of one that dropped out. */
export const RecoveredSecret = closed({
  member: MemberId,
  kind: Type.Enum(["pair", "self"]),
  secret: base64url(32),
  /** Of a pair, where the suite encapsulates: what surviving neighbours with smaller ids gave. */
  seeds: Type.Optional(
    list(closed({ giver: MemberId, seed: base64url(32), path: Type.Array(Digest, { maxItems: 10 }) })),
  ),
});
/** Sealed seeds for one member, one for each phase that runs. */
const SeedBoxes = Type.Array(Binary, { minItems: 1, maxItems: 2 });
const contributionOf = closed({ member: MemberId, words: Binary });
/** Hashes of all chunks of one contribution, in order (chunks.ts). */
const Chunks = Type.Array(Digest, { minItems: 1, maxItems: MAXIMUM_CHUNKS });

const message = <const N extends string, T extends Record<string, TSchema>>(type: N, properties: T) =>
  closed({ type: Type.Literal(type), computation: Uuid, ...properties });

export const MESSAGES = {
  /** 2 C → N */
  documents: message("documents", {
    query: salted,
    layout: salted,
    policy: salted,
    /** Whose digest the receiver's key names. */
    homomorphicKey: Type.Optional(Binary),
  }),
  /** 3 N → C */
  keys: message("keys", { keys: KeysStatement }),
  /** 2 N → C */
  refusal: message("refusal", { refusal: RefusalStatement }),
  /** 4 N → C, once the key set is on the ledger. */
  reveal: message("reveal", { reveal: RevealStatement }),
  /** 4 C → N: every keys message of U, and every reveal where the graph needs them, in the order of U. */
  keyset: message("keyset", { keys: list(KeysStatement), reveals: Type.Optional(list(RevealStatement)) }),
  /** 5 N → C: leaf hashes and boxes for each holder (this member and its neighbours), in the order of U. */
  shares: message("shares", {
    shares: SharesStatement,
    leaves: list(Digest),
    boxes: list(Binary),
    /** Where the suite encapsulates: for each neighbour with a greater id, in the order of U. */
    seeds: Type.Optional(list(SeedBoxes)),
  }),
  /** 6 C → N: the boxes for this member. */
  boxes: message("boxes", {
    boxes: list(
      closed({
        shares: SharesStatement,
        leaf: Digest,
        path: Type.Array(Digest, { maxItems: 10 }),
        box: Binary,
        seeds: Type.Optional(SeedBoxes),
      }),
    ),
  }),
  /** 7 N → C */
  accept: message("accept", { accept: AcceptStatement }),
  /** 8 C → N: the signed accepts, and the refusals after the key set, from which V follows. */
  maskset: message("maskset", { accepts: list(AcceptStatement), refusals: list(RefusalStatement) }),
  /** 9, 17 N → C */
  /** `words` is the first chunk; the others follow by themselves. */
  "contribution-1": message("contribution-1", { header: Header1, chunks: Chunks, words: Binary }),
  "contribution-2": message("contribution-2", { header: Header2, chunks: Chunks, words: Binary }),
  /** 10, 18 C → N */
  "receipt-1": message("receipt-1", { receipt: Receipt }),
  "receipt-2": message("receipt-2", { receipt: Receipt }),
  /** 12, 20 N → C, with a tag for each holder (this member and its neighbours), in the order of U. */
  "view-1": message("view-1", { view: View1, tags: list(ViewTag) }),
  "view-2": message("view-2", { view: View2, tags: list(ViewTag) }),
  /** 13, 21 C → N, with each one's tag for the member that gets them, or an empty text; repetitions have none. */
  "views-1": message("views-1", { views: list(View1), tags: Type.Optional(list(TagOrNone)) }),
  "views-2": message("views-2", { views: list(View2), tags: Type.Optional(list(TagOrNone)) }),
  /** 14, 21 N → C */
  "unmask-1": message("unmask-1", { unmask: Unmask1Statement, fingerprint: Type.Optional(FingerprintStatement) }),
  "unmask-2": message("unmask-2", { unmask: Unmask2Statement }),
  /**
   * 15 C → N: what a member needs to redo the sum, and the salt of the `counts` record. Contributions of S1; with
   * fingerprints the sum instead, and only the contributions of survivors that signed none.
   */
  "result-1": message("result-1", {
    contributions: list(contributionOf),
    folded: Type.Optional(closed({ sum: Binary, carries: Binary, fingerprints: list(FingerprintStatement) })),
    secrets: list(RecoveredSecret),
    salt: base64url(32),
  }),
  /** 22 C → R. `counts` opens the `counts` record (counted mode). */
  "result-2": message("result-2", {
    keys: list(KeysStatement),
    reveals: Type.Optional(list(RevealStatement)),
    /** `words` is the first chunk, where all of them together are at most RIDING_WORDS; R fetches every chunk that does not. */
    contributions: list(closed({ member: MemberId, chunks: Chunks, words: Type.Optional(Binary) })),
    secrets: list(RecoveredSecret),
    views: list(View2),
    counts: Type.Optional(closed({ salt: base64url(32), counts: Type.Array(Count), units: Type.Array(Count) })),
  }),
  /** 12 N → R beside the ledger record: the coordinator's own receipt for a contribution it left out. */
  omitted: message("omitted", { phase: Type.Enum([1, 2]), receipt: Receipt }),
} as const;

export type MessageType = keyof typeof MESSAGES;
export type MessageOf<T extends MessageType> = Static<(typeof MESSAGES)[T]>;
export type Message = { [T in MessageType]: MessageOf<T> }[MessageType];

export type Keys = Static<typeof KeysStatement>;
export type Reveal = Static<typeof RevealStatement>;
export type Accept = Static<typeof AcceptStatement>;
export type Refusal = Static<typeof RefusalStatement>;
export type SharesRoot = Static<typeof SharesStatement>;
export type View = Static<typeof View1> | Static<typeof View2>;
export type Receipt = Static<typeof Receipt>;
export type OpenedShare = Static<typeof OpenedShare>;
export type RecoveredSecret = Static<typeof RecoveredSecret>;
export type Fingerprint = Static<typeof FingerprintStatement>;
export type Unmask = Static<typeof Unmask1Statement> | Static<typeof Unmask2Statement>;

/** Bytes of JSON around one signed statement, ids and field names included, rounded up. */
const STATEMENT_BYTES = 1024;
/** Of a keys message: four keys of the longest suite, X-Wing's. */
const KEYS_BYTES = 7 * STATEMENT_BYTES;
/** A sealed box of shares and its leaf, in JSON. */
const SHARE_BOX_BYTES = 2 * STATEMENT_BYTES;
/** A sealed seed with its path, in base64url. */
const SEED_BOX_BYTES = 2 * STATEMENT_BYTES;
/** A recovered seed with its path in JSON. */
const SEED_BYTES = 640;
/** Most seeds that members who dropped out were given: fewer than a third drop out, of at most as many neighbours. */
const seedsBytes = (members: number) => Math.ceil(members / 3) * Math.min(members, NEIGHBOURS + 1) * SEED_BYTES;
/** Query, layout and policy together; 100,000 atoms with their record keys fit. */
const DOCUMENT_BYTES = 32 * 1024 * 1024;
const CHUNK_HASHES_BYTES = 48 * MAXIMUM_CHUNKS;
const wordsBytes = (words: number) => Math.ceil((words * 8 * 4) / 3) + 128;

/** Either every contribution, or sum, carries, fingerprints and as many contributions as may be shown. */
function resultBytes(members: number, words: number): number {
  return seedsBytes(members) + sumBytes(members, words);
}

function sumBytes(members: number, words: number): number {
  const transcript = members * (384 + wordsBytes(words));
  if (members * words <= TRANSCRIPT_WORDS) return STATEMENT_BYTES + transcript;
  const shown = Math.min(members, mostShown(words)) * (384 + wordsBytes(words));
  return STATEMENT_BYTES + members * STATEMENT_BYTES + 2 * wordsBytes(words) + shown;
}

/** Greatest size in bytes of a message, from n members and the words of one contribution of its phase. */
export function maximumBytes(type: MessageType, size: { members: number; words: number; atoms: number }): number {
  const { members: n, words, atoms } = size;
  const perMember = (bytes: number) => STATEMENT_BYTES + n * bytes;
  switch (type) {
    case "documents":
      return DOCUMENT_BYTES;
    case "keys":
      return STATEMENT_BYTES + KEYS_BYTES;
    case "reveal":
    case "refusal":
    case "receipt-1":
    case "receipt-2":
    case "omitted":
      return 2 * STATEMENT_BYTES;
    case "accept":
      return 2 * STATEMENT_BYTES + n;
    case "view-1":
    case "view-2":
      return 2 * STATEMENT_BYTES + 32 * n;
    case "keyset":
      return perMember(STATEMENT_BYTES + KEYS_BYTES);
    case "maskset":
      return perMember(2 * STATEMENT_BYTES + n);
    case "shares":
      return perMember(SHARE_BOX_BYTES + 2 * SEED_BOX_BYTES);
    case "boxes":
      return perMember(2 * STATEMENT_BYTES + SHARE_BOX_BYTES + 2 * SEED_BOX_BYTES);
    case "contribution-1":
    case "contribution-2":
      return STATEMENT_BYTES + CHUNK_HASHES_BYTES + wordsBytes(Math.min(words, CHUNK_WORDS));
    case "views-1":
    case "views-2":
      return perMember(STATEMENT_BYTES + 32);
    case "unmask-1":
    case "unmask-2":
      return perMember(384) + STATEMENT_BYTES;
    case "result-1":
      return resultBytes(n, 2 * atoms);
    case "result-2":
      return (
        perMember(2 * STATEMENT_BYTES + KEYS_BYTES + CHUNK_HASHES_BYTES) +
        seedsBytes(n) +
        wordsBytes(Math.min(n * words, RIDING_WORDS)) +
        40 * atoms
      );
  }
}

const validators = new Map(Object.entries(MESSAGES).map(([type, schema]) => [type, Compile(schema as TSchema)]));

/** Schema check of an already parsed value; throws SecaggError ERR_SECAGG_MESSAGE naming the first wrong field. */
export function checkMessage(value: unknown): Message {
  const type = (value as { type?: unknown } | null)?.type;
  const validator = typeof type === "string" ? validators.get(type) : undefined;
  if (validator === undefined) throw new SecaggError("ERR_SECAGG_MESSAGE", "type: not a message of this protocol");
  if (!validator.Check(value)) {
    const [problem] = validator.Errors(value);
    throw new SecaggError(
      "ERR_SECAGG_MESSAGE",
      `${type}${problem?.instancePath ?? ""}: ${problem?.message ?? "invalid"}`,
    );
  }
  return value as Message;
}

/** Size limit, JSON, schema, in this order. The declared type is read before the size rule of that type is applied. */
export function parseMessage(
  bytes: Uint8Array,
  expected: { type: MessageType; members: number; words: number; atoms: number },
): Message {
  const limit = maximumBytes(expected.type, expected);
  if (bytes.length > limit) {
    throw new SecaggError("ERR_SECAGG_SIZE", `${expected.type}: ${bytes.length} bytes, at most ${limit} allowed`);
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new SecaggError("ERR_SECAGG_MESSAGE", `${expected.type}: not JSON`, { cause });
  }
  const message = checkMessage(value);
  if (message.type !== expected.type) {
    throw new SecaggError("ERR_SECAGG_MESSAGE", `type: wanted ${expected.type}, got ${message.type}`);
  }
  return message;
}
