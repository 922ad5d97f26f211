/** What the matcher of a join of sums gets, as bytes: points of 32, groups of 2 and words of 8, little-endian. */
import { hash } from "node:crypto";
import { PsiError } from "../../crypto/psi/errors.ts";
import type { Columns, Labels } from "../../crypto/psi/join.ts";
import { POINT_BYTES } from "../../crypto/psi/masking.ts";
import { PIECE_BYTES } from "./messages.ts";

/** A side's list is in the memory of the matcher. */
export const MOST_MATCHED = 2 ** 17;
export const MOST_COLUMNS = 8;

export interface Brought {
  /** The other side's list, masked again, in its order. */
  readonly points: Uint8Array;
  /** Group of each of the own items, in the order of the own list. */
  readonly groups: Uint16Array;
  /** The holder's alone. */
  readonly words?: BigUint64Array;
}

export const broughtBytes = ({ points, groups, words }: Brought): Uint8Array => {
  const bytes = Buffer.alloc(points.length + 2 * groups.length + 8 * (words?.length ?? 0));
  bytes.set(points);
  for (const [at, group] of groups.entries()) bytes.writeUInt16LE(group, points.length + 2 * at);
  const start = points.length + 2 * groups.length;
  for (const [at, word] of words?.entries() ?? []) bytes.writeBigUInt64LE(word, start + 8 * at);
  return bytes;
};

/** `own`: items of the list of whoever brings it; `other`: of the list that it masked again. */
export const broughtSize = ({ own, other, columns }: Sizes): number =>
  POINT_BYTES * other + 2 * own + 8 * columns * own;
interface Sizes {
  readonly own: number;
  readonly other: number;
  readonly columns: number;
}

/** Throws ERR_PSI_MESSAGE where the bytes are of other sizes. */
export function readBrought(bytes: Uint8Array, count: number, sizes: Sizes) {
  if (bytes.length !== broughtSize(sizes)) {
    throw new PsiError("ERR_PSI_MESSAGE", `match: wanted ${broughtSize(sizes)} bytes, got ${bytes.length}`);
  }
  const { own, other, columns } = sizes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = POINT_BYTES * other;
  const labels: Labels = {
    count,
    of: Uint16Array.from({ length: own }, (_, at) => view.getUint16(start + 2 * at, true)),
  };
  const words = BigUint64Array.from({ length: columns * own }, (_, at) =>
    view.getBigUint64(start + 2 * own + 8 * at, true),
  );
  const masked: Columns = { count: columns, words };
  return { points: bytes.subarray(0, start), labels, columns: masked };
}

export const bytesDigest = (bytes: Uint8Array): string => hash("sha256", bytes, "base64url");

export const piecesOf = (bytes: Uint8Array): readonly Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / PIECE_BYTES) }, (_, at) =>
    bytes.subarray(PIECE_BYTES * at, PIECE_BYTES * (at + 1)),
  );
