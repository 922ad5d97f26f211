/** Masking one vector, and taking recovered masks off the sum of many (specification §3). */
import { fromBase64url } from "../suites/encoding.ts";
import type { SuiteId } from "../suites/suite.ts";
import { assertChunks, chunkHash } from "./chunks.ts";
import { refuseAuthenticity } from "./closing.ts";
import { seedHash } from "./commitments.ts";
import type { KeyUse } from "./context.ts";
import { type Cut, chunksOf } from "./cut.ts";
import type { Graph } from "./graph.ts";
import { decapsulated, keyAgreement, publicKeyOf, sharedKey, sharedSecret } from "./key-agreement.ts";
import { applyMask, deriveKey } from "./masks.ts";
import type { Keys, RecoveredSecret } from "./messages.ts";
import type { Header, Opened } from "./opened.ts";
import { assertSeed, encapsulates, pairSeed, seedsRoot } from "./pair-seeds.ts";
import type { Arithmetic } from "./words.ts";
import { bytesOfWords, wordsOfText } from "./words.ts";

interface MaskBase {
  readonly suite: SuiteId;
  readonly context: string;
  readonly phase: 1 | 2;
}

const seedOf = (keys: Keys, phase: 1 | 2): string => keys.statement.body[`seed${phase}`];
const pairOf = (keys: Keys, phase: 1 | 2): string => keys.statement.body[`pair${phase}`];

const selfKey = ({ suite, context, phase }: MaskBase, owner: Keys, seed: string): Uint8Array => {
  const hash = seedOf(owner, phase);
  const use: KeyUse = { suite, context, kind: "self", phase, ids: [owner.signer, owner.signer], keys: [hash, hash] };
  return deriveKey(fromBase64url(seed, "seed", 32), use);
};

/** Use of the key of the pair mask between two members; it follows from what their pair keys agree on. */
function pairUse({ suite, context, phase }: MaskBase, one: Keys, other: Keys): KeyUse {
  const [low, high] = one.signer < other.signer ? [one, other] : [other, one];
  const keys = [pairOf(low, phase), pairOf(high, phase)] as const;
  return { suite, context, kind: "pair", phase, ids: [low.signer, high.signer], keys };
}

/** Whose masks a member makes. */
interface MaskOwner {
  readonly keys: Keys;
  readonly seed: string;
  readonly pairPrivateKey: string;
  /** Seeds that members with smaller ids gave, where the suite encapsulates; base64url. */
  readonly seeds?: ReadonlyMap<string, string>;
}

function ownPairKey(base: MaskBase, { keys, pairPrivateKey, seeds }: MaskOwner, other: Keys): Uint8Array {
  const use = pairUse(base, keys, other);
  if (!encapsulates(base.suite)) return sharedKey(pairPrivateKey, pairOf(other, base.phase), use);
  return sharedKey(pairPrivateKey, pairOf(other, base.phase), use, () => {
    const [self, partner] = [keys.signer, other.signer];
    const seed = self < partner ? pairSeed(pairPrivateKey, base.phase, self, partner) : seeds?.get(partner);
    return fromBase64url(seed ?? refuseAuthenticity(`seed of ${partner}: never came`), "seed", 32);
  });
}

/** Ahead of the context, which the secrets of pair masks do not need: agreeing is the slow part of a mask's key. */
export function agreeAhead(
  { suite, phase }: Omit<MaskBase, "context">,
  privateKey: string,
  others: readonly Keys[],
): void {
  if (encapsulates(suite)) return;
  for (const other of others) sharedSecret(suite, privateKey, pairOf(other, phase));
}

/** Ahead of the values, while whoever reads them is at it. */
export function deriveAhead(base: MaskBase, owner: MaskOwner, others: readonly Keys[]): void {
  for (const other of others) ownPairKey(base, owner, other);
}

/** Mask between a member and R; either side derives it. */
export function envelopeKey(
  { suite, context, phase }: MaskBase,
  opened: Opened,
  member: Keys,
  own: { privateKey: string; side: "member" | "receiver" },
): Uint8Array {
  const keys = [member.statement.body.envelope, opened.receiverKey.statement.publicKey] as const;
  const use: KeyUse = { suite, context, kind: "envelope", phase, ids: [member.signer, opened.receiver], keys };
  if (!encapsulates(suite)) {
    return deriveKey(sharedSecret(suite, own.privateKey, own.side === "member" ? keys[1] : keys[0]), use);
  }
  // What the member encapsulated to R is its secret; the ciphertext stands where other suites have a public key.
  const secret =
    own.side === "member"
      ? fromBase64url(own.privateKey, "envelope", 32)
      : decapsulated(suite, own.privateKey, fromBase64url(keys[0], "envelope"));
  return deriveKey(secret, use);
}

/**
 * Adds self mask and pair masks of `owner` with `others` in place: the smaller id adds, the larger subtracts. `words` are
 * the vector's from word `start` on, in whole atoms.
 */
export function maskContribution(
  words: BigUint64Array,
  base: MaskBase,
  arithmetic: Arithmetic,
  owner: MaskOwner,
  others: readonly Keys[],
  start = 0,
): void {
  const own = selfKey(base, owner.keys, owner.seed);
  applyMask(words, own, "add", arithmetic, start);
  own.fill(0);
  for (const other of others) {
    if (other.signer === owner.keys.signer) continue;
    const direction = owner.keys.signer < other.signer ? "add" : "subtract";
    applyMask(words, ownPairKey(base, owner, other), direction, arithmetic, start);
  }
}

/** Does a recovered secret belong to what its owner committed to in its keys message? `context` is that of the opening. */
export function secretFits(
  owner: Keys,
  { suite, context, phase, cohort }: MaskBase & Pick<Opened, "cohort">,
  { kind, secret }: Pick<RecoveredSecret, "kind" | "secret">,
): boolean {
  if (kind === "self") return seedHash(context, phase, secret) === seedOf(owner, phase);
  if (publicKeyOf(suite, secret) !== pairOf(owner, phase)) return false;
  return (
    !encapsulates(suite) || seedsRoot(cohort, secret, phase, owner.signer) === owner.statement.body[`seeds${phase}`]
  );
}

interface Unmasking {
  readonly base: MaskBase;
  readonly context0: string;
  readonly cohort: Opened["cohort"];
  readonly arithmetic: Arithmetic;
  readonly keys: readonly Keys[];
  readonly graph: Graph;
  /** Members whose pair masks are in the contributions: V in phase 1, S1 in phase 2. */
  readonly masked: readonly string[];
  readonly headers: readonly Header[];
  readonly secrets: readonly RecoveredSecret[];
}
interface Contribution {
  readonly member: string;
  readonly words: string;
}

/** All words of a contribution that is the one its signed header names. */
export function contributionWords({ member, words }: Contribution, header: Header, cut: Cut): BigUint64Array {
  const vector = wordsOfText(words, `contribution of ${member}`, cut.words);
  const hashes = chunksOf(vector, cut).map((chunk) => chunkHash(bytesOfWords(chunk)));
  assertChunks(header, hashes, cut);
  return vector;
}

/**
 * Sum of the survivors' contributions without self and pair masks; what is left is the sum of the values, in phase 2
 * still under the envelopes. Throws where contributions miss their headers or secrets their commitments.
 */
export function unmaskSum(
  options: Unmasking & Cut & { readonly contributions: readonly Contribution[] },
): BigUint64Array {
  const { arithmetic, headers, contributions } = options;
  if (contributions.map(({ member }) => member).join() !== headers.map(({ signer }) => signer).join()) {
    refuseAuthenticity("contributions: not those of the closing set");
  }
  const sum = new BigUint64Array(options.words);
  contributions.forEach((one, i) => {
    arithmetic.add(sum, contributionWords(one, headers[i]!, options));
  });
  takeMasksOff(sum, options);
  return sum;
}

/** Takes self masks of the survivors, and pair masks with those that dropped out, off the sum in place. */
export function takeMasksOff(sum: BigUint64Array, options: Unmasking): void {
  for (const { key, direction } of masksToTakeOff(options)) applyMask(sum, key, direction, options.arithmetic);
}

/** A mask that is in a sum, and how it comes off. */
export interface SumMask {
  readonly key: Uint8Array;
  readonly direction: "add" | "subtract";
}

/** Throws where the secrets are not those of the closing set, or one misses its commitment. */
export function masksToTakeOff(options: Omit<Unmasking, "arithmetic">): SumMask[] {
  const { base, headers, masked } = options;
  const masks: SumMask[] = [];
  const keysOf = new Map(options.keys.map((keys) => [keys.signer, keys]));
  const survivors = headers.map((header) => header.signer);
  const present = new Set(survivors);
  const dropped = masked.filter((member) => !present.has(member));
  const wanted = [...survivors.map((member) => `self ${member}`), ...dropped.map((member) => `pair ${member}`)];
  const given = new Map(options.secrets.map((secret) => [`${secret.kind} ${secret.member}`, secret]));
  if (given.size !== options.secrets.length || given.size !== wanted.length || wanted.some((key) => !given.has(key))) {
    refuseAuthenticity("secrets: wanted one self seed per survivor and one pair key per member that dropped out");
  }
  for (const secret of options.secrets) {
    const owner = keysOf.get(secret.member)!;
    if (!secretFits(owner, { ...base, context: options.context0, cohort: options.cohort }, secret)) {
      refuseAuthenticity(`secrets: that of ${secret.member} does not fit its keys message`);
    }
    if (secret.kind === "self") {
      masks.push({ key: selfKey(base, owner, secret.secret), direction: "subtract" });
      continue;
    }
    // The mask of each surviving neighbour with the one that dropped out has no counterpart in the sum.
    const secretWith = recoveredPairs(options, owner, secret);
    for (const member of survivors) {
      if (!options.graph.areNeighbours(member, secret.member)) continue;
      const direction = member < secret.member ? "subtract" : "add";
      const other = keysOf.get(member)!;
      masks.push({ key: deriveKey(secretWith(other), pairUse(base, owner, other)), direction });
    }
  }
  return masks;
}

/** What the masks follow from that a member which dropped out would have shared with the others. */
function recoveredPairs(
  { base, cohort }: Pick<Unmasking, "base" | "cohort">,
  owner: Keys,
  { secret, seeds = [] }: RecoveredSecret,
): (other: Keys) => Uint8Array {
  const { suite, phase } = base;
  if (!encapsulates(suite)) {
    const agree = keyAgreement(suite, secret);
    return (other) => agree(pairOf(other, phase));
  }
  return (other) => {
    const [self, partner] = [owner.signer, other.signer];
    if (self < partner) return fromBase64url(pairSeed(secret, phase, self, partner), "seed", 32);
    const given = seeds.find(({ giver }) => giver === partner);
    if (given === undefined) return refuseAuthenticity(`secrets: the seed of ${partner} for ${self} is missing`);
    assertSeed(cohort, phase, other, self, given);
    return fromBase64url(given.seed, "seed", 32);
  };
}
