/**
 * A list of masked items on its way: frames of at most FRAME_ITEMS items, all full but the last. A frame is the bytes
 * "PSI1", its kind, the run, its index and number of items (big-endian), and the items. Everything of it but the items is known to whoever gets
 * it, so its head is compared, not parsed.
 */
import { hashLeaf } from "../suites/merkle.ts";
import { PsiError } from "./errors.ts";
import { POINT_BYTES, pointsIn, RUN_BYTES } from "./masking.ts";
import { isAscending, pointAt } from "./sorting.ts";

export const FRAME_ITEMS = 4096;
export const MAXIMUM_ITEMS = 10_000_000;
const HEAD_BYTES = 5 + RUN_BYTES + 8;
const MAGIC = Buffer.from("PSI1");

/** `own`: one's own list, masked once. `asked`: the other side's list, masked again, for it or for the matcher. */
const KINDS = ["own", "asked"] as const;
type FrameKind = (typeof KINDS)[number];

/** Which list of which run, and its length in items. */
export interface List {
  readonly kind: FrameKind;
  readonly run: Uint8Array;
  readonly size: number;
}

function headOf({ kind, run }: List, index: number, count: number): Uint8Array {
  const head = Buffer.alloc(HEAD_BYTES);
  head.set(MAGIC);
  head[4] = KINDS.indexOf(kind);
  head.set(run, 5);
  head.writeUInt32BE(index, 5 + RUN_BYTES);
  head.writeUInt32BE(count, 9 + RUN_BYTES);
  return head;
}

export const frameCount = (size: number): number => Math.ceil(size / FRAME_ITEMS);

/** The items of frame `index` of a list of `size`. */
const itemsIn = (size: number, index: number): number => Math.min(FRAME_ITEMS, size - index * FRAME_ITEMS);

/** `items`: those of this frame. */
export function frameOf(list: List, items: Uint8Array, index: number): Uint8Array {
  return Buffer.concat([headOf(list, index, pointsIn(items)), items]);
}

/** Every frame of a list that is in memory. */
export const framesOf = (list: List, points: Uint8Array): readonly Uint8Array[] =>
  Array.from({ length: frameCount(list.size) }, (_, index) => {
    const start = index * FRAME_ITEMS;
    const items = points.subarray(POINT_BYTES * start, POINT_BYTES * (start + itemsIn(list.size, index)));
    return frameOf(list, items, index);
  });

/** RFC 6962 leaf hash of each frame. */
export const frameHashes = (list: List, points: Uint8Array): readonly Uint8Array[] =>
  framesOf(list, points).map(hashLeaf);

export interface IncomingList {
  /** Its items. Throws ERR_PSI_MESSAGE and ERR_PSI_STREAM; then nothing of the list may be used. */
  take(frame: Uint8Array): Uint8Array;
  /** The leaf hashes of all frames. Throws ERR_PSI_STREAM where some are missing. */
  end(): readonly Uint8Array[];
}

/** Takes a list frame by frame and keeps none of it. `sorted`: every item is larger than the one before. */
export function incomingList(list: List, { sorted }: { readonly sorted: boolean }): IncomingList {
  assertSize(list.size);
  const hashes: Uint8Array[] = [];
  let last: Uint8Array | undefined;
  return {
    take(frame: Uint8Array) {
      const index = hashes.length;
      if (index === frameCount(list.size)) throw new PsiError("ERR_PSI_STREAM", `frames: wanted ${index}, got more`);
      const count = itemsIn(list.size, index);
      const wanted = HEAD_BYTES + POINT_BYTES * count;
      if (frame.length !== wanted) {
        throw new PsiError("ERR_PSI_MESSAGE", `frame ${index}: wanted ${wanted} bytes, got ${frame.length}`);
      }
      if (Buffer.compare(frame.subarray(0, HEAD_BYTES), headOf(list, index, count)) !== 0) {
        throw new PsiError("ERR_PSI_STREAM", `frame ${index}: its head is that of another frame`);
      }
      const points = frame.slice(HEAD_BYTES);
      if (sorted && !isAscending(points, last)) {
        throw new PsiError("ERR_PSI_STREAM", `frame ${index}: an item comes twice, or out of order`);
      }
      last = pointAt(points, count - 1);
      hashes.push(hashLeaf(frame));
      return points;
    },
    end() {
      const wanted = frameCount(list.size);
      if (hashes.length !== wanted) {
        throw new PsiError("ERR_PSI_STREAM", `frames: wanted ${wanted}, got ${hashes.length}`);
      }
      return hashes;
    },
  };
}

export function assertSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 1 || size > MAXIMUM_ITEMS) {
    throw new PsiError("ERR_PSI_SIZE", `items: wanted 1 to ${MAXIMUM_ITEMS}, got ${size}`);
  }
}

/** The list as it stands in memory. */
export const listOf = (kind: FrameKind, run: Uint8Array, points: Uint8Array): List => ({
  kind,
  run,
  size: pointsIn(points),
});
