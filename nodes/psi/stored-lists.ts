/**
 * Lists of masked items on disk, so that memory does not grow with them: items are dealt to buckets by how they begin, which
 * masked items do evenly, and each bucket is sorted by itself. An item is kept with the place it had: 36 bytes.
 */
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { PsiError } from "../../crypto/psi/errors.ts";
import { FRAME_ITEMS } from "../../crypto/psi/frames.ts";
import { POINT_BYTES, pointsIn } from "../../crypto/psi/masking.ts";
import { inOrder, pointAt, sortedOrder } from "../../crypto/psi/sorting.ts";

const PLACE_BYTES = 4;
const RECORD_BYTES = POINT_BYTES + PLACE_BYTES;
/** Items that are sorted at once. */
const BUCKET_ITEMS = 2 ** 16;
const MAXIMUM_BUCKETS = 256;
/** Masked items are dealt evenly: of an honest list none has so many in one bucket, whatever the list is. */
const MOST_IN_BUCKET = 2 * BUCKET_ITEMS;

/** Items with the places that they had in the list they came from. */
export interface PlacedItems {
  readonly points: Uint8Array;
  readonly places: Uint32Array;
}

export interface StoredList extends AsyncDisposable {
  readonly size: number;
  /** In ascending order, as many at once as a frame has; the last time fewer. */
  read(): AsyncIterable<PlacedItems>;
}

/**
 * `pieces`: items in the order of their places. `expected`: about as many. The folder is made, and gone with the list. Throws
 * ERR_PSI_STREAM for a list that would come into memory whole, as its items begin alike.
 */
export async function storeSorted(
  folder: string,
  pieces: AsyncIterable<Uint8Array>,
  expected: number,
): Promise<StoredList> {
  await mkdir(folder, { mode: 0o700 });
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const buckets = await deal(folder, pieces, expected);
    const size = await sortBuckets(folder, buckets);
    return Object.freeze({
      size,
      read: () => readSorted(join(folder, "sorted"), size),
      [Symbol.asyncDispose]: remove,
    });
  } catch (error) {
    await remove();
    throw error;
  }
}

interface Bucket {
  readonly path: string;
  items: number;
}

/** Appends every item to the bucket of its beginning. */
async function deal(folder: string, pieces: AsyncIterable<Uint8Array>, expected: number): Promise<readonly Bucket[]> {
  const count = Math.min(MAXIMUM_BUCKETS, Math.max(1, 2 ** Math.ceil(Math.log2(expected / BUCKET_ITEMS))));
  const buckets = Array.from({ length: count }, (_, i): Bucket => ({ path: join(folder, `bucket-${i}`), items: 0 }));
  const files: FileHandle[] = [];
  try {
    for (const { path } of buckets) files.push(await open(path, "wx", 0o600));
    let place = 0;
    for await (const points of pieces) {
      for (const [i, records] of recordsByBucket(points, place, count).entries()) {
        if (records.length === 0) continue;
        buckets[i]!.items += records.length / RECORD_BYTES;
        if (buckets[i]!.items > MOST_IN_BUCKET) {
          throw new PsiError("ERR_PSI_STREAM", `items: more than ${MOST_IN_BUCKET} begin alike, as no masked ones do`);
        }
        await files[i]!.appendFile(records);
      }
      place += pointsIn(points);
    }
  } finally {
    for (const file of files) await file.close();
  }
  return buckets;
}

/** Items with their places, which begin at `first`, by bucket: parts of one piece of memory. */
function recordsByBucket(points: Uint8Array, first: number, count: number): readonly Uint8Array[] {
  const items = pointsIn(points);
  const bucketOf = (i: number) => Math.floor((points[POINT_BYTES * i]! * count) / 256);
  const ends = new Uint32Array(count);
  for (let i = 0; i < items; i++) ends[bucketOf(i)]! += 1;
  for (let bucket = 1; bucket < count; bucket++) ends[bucket]! += ends[bucket - 1]!;
  const starts = Array.from(ends, (_, bucket) => (bucket === 0 ? 0 : ends[bucket - 1]!));
  const next = Uint32Array.from(starts);
  const records = Buffer.alloc(RECORD_BYTES * items);
  for (let i = 0; i < items; i++) {
    const at = RECORD_BYTES * next[bucketOf(i)]!++;
    records.set(pointAt(points, i), at);
    records.writeUInt32LE(first + i, at + POINT_BYTES);
  }
  return starts.map((start, bucket) => records.subarray(RECORD_BYTES * start, RECORD_BYTES * ends[bucket]!));
}

/** One after the other: a bucket's items are all smaller than those of the next one. */
async function sortBuckets(folder: string, buckets: readonly Bucket[]): Promise<number> {
  const sorted = await open(join(folder, "sorted"), "wx", 0o600);
  let size = 0;
  try {
    for (const { path, items } of buckets) {
      const file = await open(path, "r");
      const { points, places } = split(await file.readFile().finally(() => file.close()), items);
      const order = sortedOrder(points);
      await sorted.appendFile(
        joined(
          inOrder(points, order),
          order.map((at) => places[at]!),
        ),
      );
      await rm(path);
      size += items;
    }
  } finally {
    await sorted.close();
  }
  return size;
}

function split(bytes: Uint8Array, items: number): PlacedItems {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const points = new Uint8Array(POINT_BYTES * items);
  const places = new Uint32Array(items);
  for (let i = 0; i < items; i++) {
    points.set(bytes.subarray(RECORD_BYTES * i, RECORD_BYTES * i + POINT_BYTES), POINT_BYTES * i);
    places[i] = view.getUint32(RECORD_BYTES * i + POINT_BYTES, true);
  }
  return { points, places };
}

function joined(points: Uint8Array, places: Uint32Array): Uint8Array {
  const bytes = Buffer.alloc(RECORD_BYTES * places.length);
  for (const [i, place] of places.entries()) {
    bytes.set(pointAt(points, i), RECORD_BYTES * i);
    bytes.writeUInt32LE(place, RECORD_BYTES * i + POINT_BYTES);
  }
  return bytes;
}

async function* readSorted(path: string, size: number): AsyncIterable<PlacedItems> {
  const file = await open(path, "r");
  try {
    for (let at = 0; at < size; at += FRAME_ITEMS) {
      const items = Math.min(FRAME_ITEMS, size - at);
      const bytes = new Uint8Array(RECORD_BYTES * items);
      await file.read(bytes, 0, bytes.length, RECORD_BYTES * at);
      yield split(bytes, items);
    }
  } finally {
    await file.close();
  }
}

/** Calls `matched` with the places of every item that is in both lists. */
export async function matchStored(
  a: StoredList,
  b: StoredList,
  matched: (inA: number, inB: number) => void,
): Promise<void> {
  const others = b.read()[Symbol.asyncIterator]();
  let piece = (await others.next()).value as PlacedItems | undefined;
  let at = 0;
  for await (const { points, places } of a.read()) {
    for (let i = 0; i < places.length && piece !== undefined; ) {
      const order = Buffer.compare(pointAt(points, i), pointAt(piece.points, at));
      if (order === 0) matched(places[i]!, piece.places[at]!);
      if (order <= 0) i += 1;
      if (order >= 0) at += 1;
      if (at === piece.places.length) {
        piece = (await others.next()).value as PlacedItems | undefined;
        at = 0;
      }
    }
  }
  await others.return?.();
}
