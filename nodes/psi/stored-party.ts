/**
 * One party of a run (crypto/psi/party.ts) over lists of any length: what is masked goes to disk, and what travels goes frame
 * by frame. Nothing that came is answered or compared before its last frame has shown that it is what was committed to.
 */
import { open, rm } from "node:fs/promises";
import { assertCommitted, type Commitment, commitmentOf } from "../../crypto/psi/commitment.ts";
import { PsiError } from "../../crypto/psi/errors.ts";
import { assertSize, FRAME_ITEMS, frameOf, incomingList, type List } from "../../crypto/psi/frames.ts";
import { POINT_BYTES } from "../../crypto/psi/masking.ts";
import type { MaskingPort, RunOf } from "../../crypto/psi/party.ts";
import { isAscending, pointAt } from "../../crypto/psi/sorting.ts";
import { hashLeaf } from "../../crypto/suites/merkle.ts";
import { matchStored, type StoredList, storeSorted } from "./stored-lists.ts";

export interface StoredOwn extends AsyncDisposable {
  readonly commitment: Commitment;
  readonly salt: Uint8Array;
  readonly stored: StoredList;
  frames(): AsyncIterable<Uint8Array>;
}

/** `size`: number of items, which are read once. `folder`: to be made. Throws ERR_PSI_SIZE, ERR_PSI_INPUT. */
export async function storeOwn(
  { variant, side, run, salt }: RunOf,
  masking: MaskingPort,
  items: Iterable<string>,
  size: number,
  folder: string,
): Promise<StoredOwn> {
  assertSize(size);
  const stored = await storeSorted(folder, maskedPieces(masking, items, size), size);
  const list: List = { kind: "own", run, size };
  const hashes: Uint8Array[] = [];
  try {
    let last: Uint8Array | undefined;
    for await (const { points } of stored.read()) {
      if (!isAscending(points, last)) throw new PsiError("ERR_PSI_INPUT", "items: one is there twice");
      last = pointAt(points, points.length / POINT_BYTES - 1);
      hashes.push(hashLeaf(frameOf(list, points, hashes.length)));
    }
  } catch (error) {
    await stored[Symbol.asyncDispose]();
    throw error;
  }
  return Object.freeze({
    commitment: commitmentOf({ variant, side }, list, hashes, salt),
    salt,
    stored,
    frames: () => framed(list, pointsOf(stored)),
    [Symbol.asyncDispose]: () => stored[Symbol.asyncDispose](),
  });
}

const maskedPieces = (masking: MaskingPort, items: Iterable<string>, size: number): AsyncIterable<Uint8Array> =>
  oneAhead(piecesOf(items, size), (piece) => masking.maskItems(piece));

function* piecesOf(items: Iterable<string>, size: number): Iterable<readonly string[]> {
  let count = 0;
  let piece: string[] = [];
  for (const item of items) {
    count += 1;
    if (count > size) break;
    piece.push(item);
    if (piece.length < FRAME_ITEMS) continue;
    yield piece;
    piece = [];
  }
  if (count !== size) throw new PsiError("ERR_PSI_SIZE", `items: wanted ${size}, got ${count > size ? "more" : count}`);
  if (piece.length > 0) yield piece;
}

/** In order; a piece is worked on while whoever reads has the one before it. */
async function* oneAhead<T>(
  pieces: Iterable<T> | AsyncIterable<T>,
  work: (piece: T) => Promise<Uint8Array>,
): AsyncIterable<Uint8Array> {
  let next: Promise<Uint8Array> | undefined;
  for await (const piece of pieces) {
    const present = next;
    next = work(piece);
    // Whoever reads may have stopped by the time it fails.
    next.catch(() => undefined);
    if (present !== undefined) yield await present;
  }
  if (next !== undefined) yield await next;
}

export async function* pointsOf(stored: StoredList): AsyncIterable<Uint8Array> {
  for await (const { points } of stored.read()) yield points;
}

export async function* framed(list: List, pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let index = 0;
  for await (const points of pieces) {
    yield frameOf(list, points, index);
    index += 1;
  }
}

export interface FromOther {
  readonly commitment: Commitment;
  readonly run: Uint8Array;
  readonly salt: Uint8Array;
  readonly frames: AsyncIterable<Uint8Array>;
}

/** The other side's list, masked again, piece by piece. Throws after the last piece where the list is not the committed one. */
export async function* remasked(
  masking: MaskingPort,
  { commitment, run, salt, frames }: FromOther,
): AsyncIterable<Uint8Array> {
  const coming = incomingList({ kind: "own", run, size: commitment.size }, { sorted: true });
  yield* oneAhead(frames, async (frame) => await masking.remask(coming.take(frame)));
  assertCommitted(commitment, coming.end(), salt);
}

/** At the asker: what it compares with the answer. */
export const storeOthers = (masking: MaskingPort, from: FromOther, folder: string): Promise<StoredList> =>
  storeSorted(folder, remasked(masking, from), from.commitment.size);

export interface Answer extends AsyncDisposable {
  frames(): AsyncIterable<Uint8Array>;
}

/** At the holder: in the asker's order where it may know which of its items matched, sorted where only how many. */
export async function storeAnswer(masking: MaskingPort, from: FromOther, path: string): Promise<Answer> {
  const { variant, size } = from.commitment;
  const list: List = { kind: "asked", run: from.run, size };
  if (variant !== "intersection") {
    const stored = await storeSorted(path, remasked(masking, from), size);
    return Object.freeze({
      frames: () => framed(list, pointsOf(stored)),
      [Symbol.asyncDispose]: () => stored[Symbol.asyncDispose](),
    });
  }
  const remove = () => rm(path, { force: true });
  const file = await open(path, "wx", 0o600);
  try {
    for await (const points of remasked(masking, from)) await file.appendFile(points);
  } catch (error) {
    await remove();
    throw error;
  } finally {
    await file.close();
  }
  return Object.freeze({ frames: () => framed(list, readPoints(path, size)), [Symbol.asyncDispose]: remove });
}

async function* readPoints(path: string, size: number): AsyncIterable<Uint8Array> {
  const file = await open(path, "r");
  try {
    for (let at = 0; at < size; at += FRAME_ITEMS) {
      const points = new Uint8Array(POINT_BYTES * Math.min(FRAME_ITEMS, size - at));
      await file.read(points, 0, points.length, POINT_BYTES * at);
      yield points;
    }
  } finally {
    await file.close();
  }
}

/**
 * At the asker: how many items matched, and `matched` with the place of each in its list where the variant tells (in no order).
 * `folder`: to be made, for the answer; gone afterwards.
 */
export async function compareAnswer(
  own: StoredOwn,
  others: StoredList,
  answer: { readonly run: Uint8Array; readonly frames: AsyncIterable<Uint8Array> },
  folder: string,
  matched: (place: number) => void,
): Promise<number> {
  const { size, variant } = own.commitment;
  const isNamed = variant === "intersection";
  const places = isNamed ? await placesOf(own.stored) : undefined;
  const list: List = { kind: "asked", run: answer.run, size };
  await using answered = await storeSorted(folder, taken(list, answer.frames, !isNamed), size);
  let count = 0;
  await matchStored(answered, others, (rank) => {
    count += 1;
    if (places !== undefined) matched(places[rank]!);
  });
  return count;
}

/** The items of a list that comes frame by frame. Throws ERR_PSI_MESSAGE, ERR_PSI_STREAM. */
export async function* taken(
  list: List,
  frames: AsyncIterable<Uint8Array>,
  sorted: boolean,
): AsyncIterable<Uint8Array> {
  const coming = incomingList(list, { sorted });
  for await (const frame of frames) yield coming.take(frame);
  coming.end();
}

/** Four bytes an item: the only thing in memory that grows with the list. */
export async function placesOf(stored: StoredList): Promise<Uint32Array> {
  const all = new Uint32Array(stored.size);
  let at = 0;
  for await (const { places } of stored.read()) {
    all.set(places, at);
    at += places.length;
  }
  return all;
}
