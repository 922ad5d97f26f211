/**
 * Two polynomials as they travel, a ciphertext or a public key: 32 bytes that say what it is and of which parameters, then
 * the first polynomial and the second, each modulo every prime of the set in turn, as values at the roots (ring.ts), 4 bytes
 * little-endian each. So all are of one length, and adding ciphertexts is adding their residues.
 */
import { HeError } from "./errors.ts";
import type { ParameterSet } from "./parameters.ts";

type Kind = "ciphertext" | "public key";
const NAME_BYTES = 32;

export const residueCount = ({ degree, primes }: ParameterSet): number => 2 * degree * primes.length;
/** Of every ciphertext and of every public key. */
export const pairBytes = (set: ParameterSet): number => NAME_BYTES + 4 * residueCount(set);

const nameOf = (set: ParameterSet, kind: Kind): Uint8Array =>
  new TextEncoder().encode(`${set.id} ${kind}`.padEnd(NAME_BYTES, "\0"));

/** So many of them, one after another: zeros under their names. */
export function newPairs(set: ParameterSet, kind: Kind, count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count * pairBytes(set));
  const name = nameOf(set, kind);
  for (let at = 0; at < bytes.length; at += pairBytes(set)) bytes.set(name, at);
  return bytes;
}

/** Views of the same memory where its place allows. Of bytes whose length has been looked at. */
export function residuesOf(bytes: Uint8Array): Uint32Array {
  const own = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
  return new Uint32Array(own.buffer, own.byteOffset + NAME_BYTES, (own.length - NAME_BYTES) / 4);
}

/** Throws ERR_HE_BLOB naming what is wrong first. */
function assertPair(set: ParameterSet, kind: Kind, bytes: Uint8Array): void {
  const refuse = (what: string): never => {
    throw new HeError("ERR_HE_BLOB", `${kind}: ${what}`);
  };
  if (bytes.length !== pairBytes(set)) refuse(`wanted ${pairBytes(set)} bytes, got ${bytes.length}`);
  const name = nameOf(set, kind);
  if (name.some((byte, at) => byte !== bytes[at])) refuse(`name: not that of a ${kind} of ${set.id}`);
  const residues = residuesOf(bytes);
  let second = 0;
  for (let at = 0, part = 0; at < residues.length; part++) {
    const prime = set.primes[part % set.primes.length]!;
    let tooLarge = 0;
    let any = 0;
    for (const end = at + set.degree; at < end; at++) {
      const residue = residues[at]!;
      tooLarge |= residue >= prime ? 1 : 0;
      any |= residue;
    }
    if (tooLarge !== 0) refuse("a residue is not below its prime");
    if (part >= set.primes.length) second |= any;
  }
  // Without its second polynomial a ciphertext is a plaintext that everyone can read.
  if (second === 0) refuse("its second polynomial is zero");
}

export const assertCiphertext = (set: ParameterSet, bytes: Uint8Array): void => assertPair(set, "ciphertext", bytes);
export const assertPublicKey = (set: ParameterSet, bytes: Uint8Array): void => assertPair(set, "public key", bytes);
