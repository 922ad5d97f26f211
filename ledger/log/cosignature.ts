/**
 * Cosignatures, c2sp.org/tlog-cosignature, type Ed25519 `cosignature/v1`, and the quorum over them. In suite `gm` the same
 * message is signed with SM2.
 */
import { concat, utf8 } from "../../crypto/suites/encoding.ts";
import { suiteOf } from "../../crypto/suites/suite.ts";
import type { SignedCheckpoint } from "./checkpoint.ts";
import { formatNote, isBy, type NoteKey, type NoteSignature, type NoteSigner, noteKeyOf } from "./note.ts";

const TIMESTAMP_BYTES = 8;

/**
 * "As of the specified time, the consistent tree head with the largest size the cosigner has observed has this root."
 * `unixSeconds` comes from the caller's clock; `noteText` is the checkpoint's text.
 */
export function cosign(
  noteText: string,
  cosigner: NoteSigner & { readonly name: string },
  unixSeconds: number,
): NoteSignature {
  const key = noteKeyOf(cosigner.name, "cosignature", cosigner);
  const timestamp = new Uint8Array(TIMESTAMP_BYTES);
  new DataView(timestamp.buffer).setBigUint64(0, BigInt(unixSeconds));
  const message = cosignedMessage(noteText, BigInt(unixSeconds));
  const signature = suiteOf(cosigner.suite).sign(cosigner.privateKey, message);
  return { name: key.name, id: key.id, signature: concat(timestamp, signature) };
}

/** The cosignature's time in seconds since the epoch, or undefined when it is not a valid one by `key`. */
export function verifyCosignature(key: NoteKey, noteText: string, cosignature: NoteSignature): number | undefined {
  if (key.kind !== "cosignature" || !isBy(key, cosignature)) return undefined;
  // tlog-cosignature "Format": u64 timestamp, then 64 bytes of signature.
  if (cosignature.signature.length !== TIMESTAMP_BYTES + 64) return undefined;
  const seconds = Buffer.from(cosignature.signature).readBigUInt64BE(0);
  if (seconds > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  const signature = cosignature.signature.subarray(TIMESTAMP_BYTES);
  const isValid = suiteOf(key.suite).verify(key.publicKey, cosignedMessage(noteText, seconds), signature);
  return isValid ? Number(seconds) : undefined;
}

/** The checkpoint note with these cosignatures added, in ascending order of key name. */
export function withCosignatures(signed: SignedCheckpoint, cosignatures: readonly NoteSignature[]): string {
  const sorted = [...cosignatures].sort((a, b) => (a.name < b.name ? -1 : 1));
  return formatNote({ text: signed.note.text, signatures: [...signed.note.signatures, ...sorted] });
}

export interface QuorumVerdict {
  readonly reached: boolean;
  readonly needed: number;
  /** Distinct known cosigners with a valid cosignature. */
  readonly valid: readonly { readonly name: string; readonly unixSeconds: number }[];
  /** Names of known keys whose signature does not verify: "clients SHOULD reject the whole note". */
  readonly invalid: readonly string[];
  /** Signature lines of keys nobody configured: ignored, as the specification demands. */
  readonly unknown: readonly string[];
}

/**
 * Counts valid cosignatures of distinct `cosigners`. Reached means `needed` or more and none invalid.
 * The log's own signature is not counted here: see `openCheckpoint`.
 */
export function evaluateQuorum(
  signed: SignedCheckpoint,
  log: NoteKey,
  cosigners: readonly NoteKey[],
  needed: number,
): QuorumVerdict {
  const known = new Map(cosigners.map((key) => [`${key.id} ${key.name}`, key]));
  const valid = new Map<string, number>();
  const invalid: string[] = [];
  const unknown: string[] = [];
  for (const signature of signed.note.signatures) {
    if (isBy(log, signature)) continue;
    const key = known.get(`${signature.id} ${signature.name}`);
    if (key === undefined) {
      unknown.push(signature.name);
      continue;
    }
    const unixSeconds = verifyCosignature(key, signed.note.text, signature);
    if (unixSeconds === undefined || valid.has(key.name)) invalid.push(key.name);
    else valid.set(key.name, unixSeconds);
  }
  return {
    reached: invalid.length === 0 && valid.size >= needed,
    needed,
    valid: [...valid].map(([name, unixSeconds]) => ({ name, unixSeconds })),
    invalid,
    unknown,
  };
}

/** Majority of `cosigners` active cosigning members; 0 when there are none. */
export const majorityOf = (cosigners: number): number => (cosigners === 0 ? 0 : Math.floor(cosigners / 2) + 1);

// tlog-cosignature "Ed25519 signed message": header line, timestamp line, whole note body.
const cosignedMessage = (noteText: string, seconds: bigint): Uint8Array =>
  utf8(`cosignature/v1\ntime ${seconds}\n${noteText}`);
