/**
 * The words of a contribution are cut into chunks of whole atoms; a small one is one chunk. Chunks are what travels, what
 * is kept and what a header commits to: its digest is the RFC 6962 root whose leaves are the chunks' bytes
 * (docs/decisions/107). Where the opening names the homomorphic envelope, a chunk's bytes are ciphertexts of its words
 * (docs/decisions/114).
 */
import { assertCiphertexts } from "../he/ciphertexts.ts";
import { HeError } from "../he/errors.ts";
import { parametersNamed } from "../he/parameters.ts";
import { toBase64url } from "../suites/encoding.ts";
import { hashLeaf } from "../suites/merkle.ts";
import { refuseAuthenticity } from "./closing.ts";
import { type Cut, chunkBytes, chunkCount } from "./cut.ts";
import { rootOfHashes } from "./merkle.ts";
import type { Header } from "./opened.ts";

/** Leaf hash of RFC 6962 section 2.1, base64url. */
export const chunkHash = (bytes: Uint8Array): string => toBase64url(hashLeaf(bytes));

/** What a header signs, from the hashes of its chunks in order. */
export const chunksRoot = (hashes: readonly string[]): string => rootOfHashes(hashes);

/** As many hashes as the vector has chunks, and those that the header signs. */
export function assertChunks(header: Header, hashes: readonly string[], cut: Cut): void {
  const wanted = chunkCount(cut);
  if (hashes.length !== wanted) {
    refuseAuthenticity(`contribution of ${header.signer}: wanted ${wanted} chunks, got ${hashes.length}`);
  }
  if (chunksRoot(hashes) !== header.statement.digest) {
    refuseAuthenticity(`contribution of ${header.signer}: differs from its signed header`);
  }
}

/** Exactly the bytes of this place of this member's contribution: nothing cut off, altered or from another place. */
export function assertChunk(
  member: string,
  hashes: readonly string[],
  cut: Cut,
  index: number,
  bytes: Uint8Array,
): void {
  const wanted = chunkBytes(cut, index);
  if (bytes.length !== wanted || wanted === 0) {
    refuseAuthenticity(`chunk ${index} of ${member}: wanted ${wanted} bytes, got ${bytes.length}`);
  }
  if (chunkHash(bytes) !== hashes[index]) {
    refuseAuthenticity(`chunk ${index} of ${member}: differs from its signed header`);
  }
  if (cut.set !== undefined) assertSealed(`chunk ${index} of ${member}`, cut.set, bytes);
}

/** Ciphertexts of the set that the opening names, before the library sees a byte of them. Throws ERR_SECAGG_AUTHENTICITY. */
export function assertSealed(label: string, set: string, bytes: Uint8Array): void {
  try {
    assertCiphertexts(parametersNamed(set), bytes);
  } catch (cause) {
    if (!(cause instanceof HeError)) throw cause;
    refuseAuthenticity(`${label}: ${cause.message}`);
  }
}
