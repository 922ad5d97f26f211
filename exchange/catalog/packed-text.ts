/**
 * Texts that are compressed once, when they are written, and go out in any order as one gzip member (RFC 1952). Each is
 * a piece of a deflate stream (RFC 1951) that ends at a byte with a full flush: it refers to nothing before it, and
 * another one may follow. The checksum of the whole comes from those of the pieces.
 */
import { constants, crc32, deflateRawSync, inflateRawSync } from "node:zlib";

export interface PackedText {
  readonly deflated: Uint8Array;
  /** Of the text in UTF-8: CRC-32, bytes, and what the checksum of whatever stands before is multiplied by. */
  readonly crc: number;
  readonly length: number;
  readonly shift: number;
}

const HEAD_BYTES = 12;
const TAIL_BYTES = 8;
/** No name, no time, system unknown. */
const GZIP_HEAD = Buffer.from("1f8b08000000000000ff", "hex");
/** The last block of the stream: fixed codes, nothing but the end. */
const LAST_BLOCK = Buffer.from("0300", "hex");

export function packed(text: string): PackedText {
  const bytes = Buffer.from(text);
  const deflated = deflateRawSync(bytes, { finishFlush: constants.Z_FULL_FLUSH, level: constants.Z_BEST_COMPRESSION });
  return { deflated, crc: crc32(bytes), length: bytes.length, shift: shiftOf(bytes.length) };
}

export const unpacked = ({ deflated }: PackedText): string =>
  inflateRawSync(deflated, { finishFlush: constants.Z_SYNC_FLUSH }).toString("utf8");

/** As it is kept in a store. */
export function packedBytes({ deflated, crc, length, shift }: PackedText): Uint8Array {
  const bytes = Buffer.alloc(HEAD_BYTES + deflated.length);
  bytes.writeUInt32LE(crc, 0);
  bytes.writeUInt32LE(length, 4);
  bytes.writeUInt32LE(shift, 8);
  bytes.set(deflated, HEAD_BYTES);
  return bytes;
}

export const packedFrom = (bytes: Uint8Array): PackedText => ({
  deflated: bytes.subarray(HEAD_BYTES),
  crc: uint32At(bytes, 0),
  length: uint32At(bytes, 4),
  shift: uint32At(bytes, 8),
});

/** Little-endian. */
const uint32At = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;

/** The texts one after another, as one gzip member, in bytes that `room` has: as many as are asked for, or more. */
export function gzipOf(texts: readonly PackedText[], room: (bytes: number) => Buffer = Buffer.allocUnsafe): Buffer {
  let bytes = GZIP_HEAD.length + LAST_BLOCK.length + TAIL_BYTES;
  for (const { deflated } of texts) bytes += deflated.length;
  const member = room(bytes).subarray(0, bytes);
  let [at, crc, length] = [GZIP_HEAD.copy(member), 0, 0];
  for (const text of texts) {
    member.set(text.deflated, at);
    at += text.deflated.length;
    crc = (product(crc, text.shift) ^ text.crc) >>> 0;
    length += text.length;
  }
  at += LAST_BLOCK.copy(member, at);
  member.writeUInt32LE(length >>> 0, member.writeUInt32LE(crc, at));
  return member;
}

/** The polynomial of CRC-32 (RFC 1952 section 8), the highest bit for x^0. */
const POLYNOMIAL = 0xedb88320;
const ONE = 2 ** 31;

/** Of two polynomials modulo that one. */
function product(one: number, other: number): number {
  let sum = 0;
  let rest = other;
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if ((one & bit) !== 0) sum ^= rest;
    rest = (rest & 1) === 0 ? rest >>> 1 : (rest >>> 1) ^ POLYNOMIAL;
  }
  return sum >>> 0;
}

/** x^8, x^16, x^32, … */
const POWERS: readonly number[] = (() => {
  const powers = [ONE >>> 8];
  while (powers.length < 32) powers.push(product(powers.at(-1)!, powers.at(-1)!));
  return powers;
})();

/** x^(8·bytes): a checksum times this is that of the same text before as many bytes of zeros. */
function shiftOf(bytes: number): number {
  let shift = ONE;
  for (let power = 0, rest = bytes; rest > 0; power += 1, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) shift = product(shift, POWERS[power]!);
  }
  return shift;
}
