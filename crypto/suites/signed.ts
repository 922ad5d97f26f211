/**
 * Signed statements: the one envelope in which members say anything that others keep (transactions, messages,
 * requests, receipts). The signature covers the domain, the statement, the signer, the key id and the suite.
 */
import { hash } from "node:crypto";
import { type BatchPlace, batchRoot, MAX_BATCH } from "./batch.ts";
import { canonicalJson, inCanonicalOrder, sha256 } from "./digest.ts";
import { fromBase64url, toBase64url, utf8 } from "./encoding.ts";
import { hashLeafText, treeOf } from "./merkle.ts";
import { SUITE_IDS, type Suite, type SuiteId, suiteOf } from "./suite.ts";

/** Domains keep a signature made for one purpose from being shown for another. */
export type SigningDomain =
  | "transaction"
  | "data-request"
  | "negotiation"
  | "secagg-message"
  | "receiver-key"
  | "receipt"
  | "view"
  | "catalogue"
  | "application"
  | "result"
  | "query"
  | "join"
  | "trust";

export interface Signed<S> {
  readonly statement: S;
  /** Member id of the signer. */
  readonly signer: string;
  /** Key id: see `keyIdOf`. */
  readonly key: string;
  readonly suite: SuiteId;
  /** base64url. */
  readonly signature: string;
  /** The signature covers several statements and this is one of them; see `signStatements`. */
  readonly batch?: BatchPlace;
}

export interface SigningIdentity {
  readonly member: string;
  readonly key: string;
  readonly suite: SuiteId;
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

const KEY_ID_CACHE_SIZE = 4096;
const keyIds = new Map<string, string>();

/** First 16 bytes of SHA-256(suite ‖ 0 ‖ public key), base64url (22 characters). */
export function keyIdOf(suite: SuiteId, publicKey: Uint8Array): string {
  return keyIdOfText(suite, toBase64url(publicKey), publicKey);
}

function keyIdOfText(suite: SuiteId, text: string, publicKey: Uint8Array): string {
  const name = `${suite} ${text}`;
  let id = keyIds.get(name);
  if (id === undefined) {
    id = toBase64url(sha256(utf8(`${suite}\0`), publicKey).subarray(0, 16));
    if (keyIds.size >= KEY_ID_CACHE_SIZE) keyIds.clear();
    keyIds.set(name, id);
  }
  return id;
}

/** The suite under which this public key has this id: an id names one. */
export function suiteOfKey(publicKey: Uint8Array, key: string): Suite | undefined {
  const text = toBase64url(publicKey);
  const id = SUITE_IDS.find((suite) => keyIdOfText(suite, text, publicKey) === key);
  return id === undefined ? undefined : suiteOf(id);
}

export function signingIdentity(member: string, suite: SuiteId, seed: Uint8Array): SigningIdentity {
  const { publicKey, privateKey } = suiteOf(suite).keyPair(seed);
  return { member, suite, key: keyIdOf(suite, publicKey), publicKey, privateKey };
}

/** The exact bytes under the signature: "sealane/<domain>/v1\n" ‖ JCS of the envelope without its signature. */
export const signingBytes = (domain: SigningDomain, unsigned: Unsigned): Uint8Array =>
  utf8(signingText(domain, unsigned));

type Unsigned = Omit<Signed<unknown>, "signature" | "batch">;

// In the order of the canonical text, which is quicker.
const signingText = (domain: SigningDomain, { key, signer, statement, suite }: Unsigned): string =>
  `sealane/${domain}/v1\n${canonicalJson({ key, signer, statement, suite })}`;

export function signStatement<S>(identity: SigningIdentity, domain: SigningDomain, given: S): Signed<S> {
  const { member: signer, key, suite } = identity;
  // As everyone who checks or hashes it will need it.
  const statement = inCanonicalOrder(given);
  const signature = suiteOf(suite).sign(identity.privateKey, signingBytes(domain, { key, signer, statement, suite }));
  return { key, signature: toBase64url(signature), signer, statement, suite };
}

/**
 * Signs many statements at once: one signature over the root of an RFC 6962 tree whose leaves are their signing bytes,
 * "sealane/<domain>/batch/v1\n" ‖ JCS of {key, root, signer, size, suite}. Each carries the signature and its path, and
 * stands for itself as one signed alone does; whoever checks many of them checks the signature once.
 */
export function signStatements<S>(
  identity: SigningIdentity,
  domain: SigningDomain,
  statements: readonly S[],
): readonly Signed<S>[] {
  const batches = Array.from({ length: Math.ceil(statements.length / MAX_BATCH) }, (_, at) =>
    statements.slice(at * MAX_BATCH, (at + 1) * MAX_BATCH),
  );
  return batches.flatMap((batch) => signBatch(identity, domain, batch));
}

function signBatch<S>(identity: SigningIdentity, domain: SigningDomain, statements: readonly S[]): Signed<S>[] {
  if (statements.length < 2) return statements.map((statement) => signStatement(identity, domain, statement));
  const { member: signer, key, suite } = identity;
  const unsigned = statements.map((statement) => ({ key, signer, statement: inCanonicalOrder(statement), suite }));
  const { root, paths } = treeOf(unsigned.map((one) => hashLeafText(signingText(domain, one))));
  const size = unsigned.length;
  const message = utf8(batchText({ domain, key, root: toBase64url(root), signer, size, suite }));
  const signature = toBase64url(suiteOf(suite).sign(identity.privateKey, message));
  return unsigned.map(({ statement }, index) => {
    return { batch: { index, path: paths[index]!.map(toBase64url), size }, key, signature, signer, statement, suite };
  });
}

/**
 * True when `signed` was made under `publicKey` for `domain`. Malformed input is false, never an exception. `text` is the
 * canonical text of `signed`, from a caller that has it already.
 */
export function verifySigned(
  publicKey: Uint8Array,
  domain: SigningDomain,
  signed: Signed<unknown>,
  text?: string,
): boolean {
  try {
    const claim = claimOf(publicKey, domain, signed, text);
    const known = knownVerdict(claim);
    if (typeof known === "boolean") return known;
    const valid = suiteOf(signed.suite).verify(publicKey, utf8(messageOf(claim)), signatureOf(signed));
    keepVerdict(claim, valid);
    return valid;
  } catch {
    return false;
  }
}

/** The same answer from another thread, so that many are checked at once; at once where it is known already. */
export function verifySignedAhead(
  publicKey: Uint8Array,
  domain: SigningDomain,
  signed: Signed<unknown>,
  text?: string,
): boolean | Promise<boolean> {
  try {
    const claim = claimOf(publicKey, domain, signed, text);
    const known = knownVerdict(claim);
    if (known !== undefined) return known;
    const verdict = suiteOf(signed.suite).verifyAhead(publicKey, utf8(messageOf(claim)), signatureOf(signed));
    keepVerdict(claim, verdict);
    return verdict;
  } catch {
    return false;
  }
}

const REMEMBERED = 16_384;
const verified = new Set<string>();

/**
 * The same answer for statements that one process meets again: in the ledger's records, with every repetition, in later
 * messages and for its other roles. True ones are remembered by all that the answer depends on.
 */
export function verifySignedOnce(publicKey: Uint8Array, domain: SigningDomain, signed: Signed<unknown>): boolean {
  if (signed.batch !== undefined) return verifySigned(publicKey, domain, signed);
  try {
    const name = hash("sha256", `${toBase64url(publicKey)} ${signed.signature} ${signingText(domain, signed)}`);
    if (verified.has(name)) return true;
    if (!verifySigned(publicKey, domain, signed)) return false;
    if (verified.size >= REMEMBERED) verified.clear();
    verified.add(name);
    return true;
  } catch {
    return false;
  }
}

const signatureOf = ({ signature }: Signed<unknown>): Uint8Array => fromBase64url(signature, "signature", 64);

/** What a signature is said to cover: one statement's own text, or a batch by its root. */
type Claim = { readonly kind: "one"; readonly text: string } | BatchClaim;

/** Everything that the verdict over a batch depends on. */
interface BatchClaim {
  readonly kind: "batch";
  readonly signature: string;
  readonly publicKey: string;
  readonly domain: SigningDomain;
  readonly key: string;
  readonly root: string;
  readonly signer: string;
  readonly size: number;
  readonly suite: string;
}

interface BatchVerdict {
  readonly claim: BatchClaim;
  readonly verdict: boolean | Promise<boolean>;
}

// The statements of one batch come one after the other: its signature is checked for the first of them only.
const BATCH_CACHE_SIZE = 1024;
/** The latest by signature. */
const batchVerdicts = new Map<string, BatchVerdict>();

function knownVerdict(claim: Claim): boolean | Promise<boolean> | undefined {
  if (claim.kind === "one") return undefined;
  const known = batchVerdicts.get(claim.signature);
  return known !== undefined && isSameClaim(known.claim, claim) ? known.verdict : undefined;
}

const isSameClaim = (a: BatchClaim, b: BatchClaim): boolean =>
  a.signature === b.signature &&
  a.publicKey === b.publicKey &&
  a.domain === b.domain &&
  a.key === b.key &&
  a.root === b.root &&
  a.signer === b.signer &&
  a.size === b.size &&
  a.suite === b.suite;

function keepVerdict(claim: Claim, verdict: boolean | Promise<boolean>): void {
  if (claim.kind === "one") return;
  if (batchVerdicts.size >= BATCH_CACHE_SIZE) batchVerdicts.clear();
  batchVerdicts.set(claim.signature, { claim, verdict });
}

/** Throws on anything malformed and on another key than the one named. */
function claimOf(
  publicKey: Uint8Array,
  domain: SigningDomain,
  signed: Signed<unknown>,
  text: string | undefined,
): Claim {
  const keyText = toBase64url(publicKey);
  if (keyIdOfText(signed.suite, keyText, publicKey) !== signed.key) {
    throw new RangeError("key: another one than the public key's");
  }
  const own = (text === undefined ? undefined : signingTextWithin(domain, signed, text)) ?? signingText(domain, signed);
  const { batch, key, signature, signer, suite } = signed;
  if (batch === undefined) return { kind: "one", text: own };
  const { size } = batch;
  const root = batchRoot(signature, own, batch);
  return { kind: "batch", signature, publicKey: keyText, domain, key, root, signer, size, suite };
}

const messageOf = (claim: Claim): string => (claim.kind === "one" ? claim.text : batchText(claim));

/** What stands before the statement in the canonical text of an envelope. Nothing in it can hold a name of its own. */
const BEFORE =
  /^\{(?:"batch":\{"index":\d+,"path":\["[\w",-]*"\],"size":\d+\},)?("key":"[\w-]+",)"signature":"[\w-]+",("signer":"[\w-]+",)"statement":/;

/** The signing text, cut out of the canonical text of `signed`; undefined where that has another form than usual. */
function signingTextWithin(domain: SigningDomain, signed: Signed<unknown>, text: string): string | undefined {
  // With these names before the statement and the suite as the last of so many, there is no room for another one.
  if (Object.keys(signed).length !== (signed.batch === undefined ? 5 : 6)) return undefined;
  const before = BEFORE.exec(text);
  if (before === null || !text.endsWith(`,"suite":"${signed.suite}"}`)) return undefined;
  const [whole, key, signer] = before;
  return `sealane/${domain}/v1\n{${key}${signer}"statement":${text.slice(whole.length)}`;
}

const batchText = ({
  domain,
  key,
  root,
  signer,
  size,
  suite,
}: Pick<BatchClaim, "domain" | "key" | "root" | "signer" | "size" | "suite">): string =>
  `sealane/${domain}/batch/v1\n${canonicalJson({ key, root, signer, size, suite })}`;
