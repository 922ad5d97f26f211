/**
 * What the matcher of a join of sums gets of a side, as one file: points of 32 bytes, groups of 2 and words of 8, little-endian.
 * It is written and read in pieces, since it may have a hundred million bytes.
 */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { Labels } from "../../crypto/psi/join.ts";
import { POINT_BYTES } from "../../crypto/psi/masking.ts";
import { PIECE_BYTES } from "./messages.ts";

/** Items of a side. Of each the matcher has ten bytes in memory and some 140 on disk. */
export const MOST_MATCHED = 2 ** 20;
export const MOST_COLUMNS = 8;

export interface Brought {
  /** The other side's list, masked again, in its order. */
  readonly points: AsyncIterable<Uint8Array>;
  /** Group of each of the own items, in the order of the own list. */
  readonly groups: Uint16Array;
  /** The holder's alone. */
  readonly words?: BigUint64Array;
}

export interface BroughtFile {
  /** SHA-256 of all bytes. */
  readonly digest: string;
  /** As many bytes as one call has, the last time fewer. */
  pieces(): AsyncIterable<Uint8Array>;
}

/** `path`: to be made. Throws what `points` throws. */
export async function writeBrought(path: string, { points, groups, words }: Brought): Promise<BroughtFile> {
  const digest = createHash("sha256");
  const file = await open(path, "wx", 0o600);
  const add = async (bytes: Uint8Array): Promise<void> => {
    digest.update(bytes);
    await file.appendFile(bytes);
  };
  try {
    for await (const piece of points) await add(piece);
    await add(bytesOf(groups));
    if (words !== undefined) await add(bytesOf(words));
  } finally {
    await file.close();
  }
  return Object.freeze({ digest: digest.digest("base64url"), pieces: () => piecesOf(path, PIECE_BYTES) });
}

/** Little-endian, as every machine that this runs on has them. */
export const bytesOf = (words: Uint16Array | Uint32Array | BigUint64Array): Uint8Array =>
  new Uint8Array(words.buffer, words.byteOffset, words.byteLength);

/** `own`: items of the list of whoever brings it; `other`: of the list that it masked again. */
export interface BroughtSizes {
  readonly own: number;
  readonly other: number;
  readonly columns: number;
}

export const broughtSize = ({ own, other, columns }: BroughtSizes): number =>
  POINT_BYTES * other + 2 * own + 8 * columns * own;

/** Points of a file of these sizes, in pieces. */
export const readPoints = (path: string, { other }: BroughtSizes): AsyncIterable<Uint8Array> =>
  piecesOf(path, PIECE_BYTES, { from: 0, to: POINT_BYTES * other });

export async function readLabels(path: string, count: number, { own, other }: BroughtSizes): Promise<Labels> {
  const of = new Uint16Array(own);
  const from = POINT_BYTES * other;
  let at = 0;
  for await (const piece of piecesOf(path, PIECE_BYTES, { from, to: from + 2 * own })) {
    bytesOf(of).set(piece, at);
    at += piece.length;
  }
  return { count, of };
}

/** Words of whole rows, in pieces. */
export async function* readWords(path: string, sizes: BroughtSizes): AsyncIterable<BigUint64Array> {
  const { own, other, columns } = sizes;
  if (columns === 0) return;
  const piece = 8 * columns * Math.floor(PIECE_BYTES / (8 * columns));
  const from = POINT_BYTES * other + 2 * own;
  for await (const bytes of piecesOf(path, piece, { from, to: broughtSize(sizes) })) {
    yield new BigUint64Array(bytes.buffer as ArrayBuffer);
  }
}

async function* piecesOf(
  path: string,
  length: number,
  range?: { readonly from: number; readonly to: number },
): AsyncIterable<Uint8Array> {
  const file = await open(path, "r");
  try {
    const { from, to } = range ?? { from: 0, to: (await file.stat()).size };
    for (let at = from; at < to; at += length) {
      yield await readExactly(file, at, Math.min(length, to - at));
    }
  } finally {
    await file.close();
  }
}

async function readExactly(file: FileHandle, start: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  const { bytesRead } = await file.read(bytes, 0, length, start);
  if (bytesRead !== length) throw new Error(`file: wanted ${length} bytes at ${start}, got ${bytesRead}`);
  return bytes;
}
