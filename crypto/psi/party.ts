/**
 * One party of one run. Both commit to their lists; only then the lists go out, sorted; the holder masks the asker's again and
 * gives it back: in the asker's order, which names its items (intersection), or sorted, which hides them (cardinality).
 *
 *     asker   -> holder   commitment                 holder  -> asker   commitment
 *     asker   -> holder   salt, x(a·H(item))         holder  -> asker   salt, x(b·H(item))
 *     holder  -> asker    x(b·a·H(item))
 *
 * What masks is handed in: workers on a node, one thread in a test.
 */
import { type Commitment, commitmentOf, type PsiSide, type PsiVariant } from "./commitment.ts";
import { PsiError } from "./errors.ts";
import { assertSize, frameHashes, type List, listOf } from "./frames.ts";
import { inOrder, isAscending, matchPlaces, sortedOrder } from "./sorting.ts";

/** As `Masking`, elsewhere. */
export interface MaskingPort {
  maskItems(items: readonly string[]): Promise<Uint8Array>;
  remask(points: Uint8Array): Promise<Uint8Array>;
}

/** A masked list, ready to be sent. */
export interface OwnList {
  readonly list: List;
  readonly points: Uint8Array;
  /** Place in the caller's items of each item of the list. */
  readonly places: Uint32Array;
  readonly salt: Uint8Array;
  readonly commitment: Commitment;
}

export interface RunOf {
  readonly variant: PsiVariant;
  readonly side: PsiSide;
  /** 16 bytes, new for every run. */
  readonly run: Uint8Array;
  /** 32 random bytes. */
  readonly salt: Uint8Array;
}

/** Throws ERR_PSI_SIZE, ERR_PSI_INPUT: an item that is there twice included. */
export async function ownList(
  { variant, side, run, salt }: RunOf,
  masking: MaskingPort,
  items: readonly string[],
): Promise<OwnList> {
  assertSize(items.length);
  const masked = await masking.maskItems(items);
  const places = sortedOrder(masked);
  const points = inOrder(masked, places);
  if (!isAscending(points)) throw new PsiError("ERR_PSI_INPUT", "items: one is there twice");
  const list = listOf("own", run, points);
  const commitment = commitmentOf({ variant, side }, list, frameHashes(list, points), salt);
  return Object.freeze({ list, points, places, salt, commitment });
}

/** The holder's answer to the asker's list: in its order where the asker may know which, sorted where only how many. */
export function answerOf(variant: Exclude<PsiVariant, "join">, remasked: Uint8Array): Uint8Array {
  return variant === "intersection" ? remasked : inOrder(remasked, sortedOrder(remasked));
}

/** `answer`: own list masked by the holder; `others`: the holder's list masked by the asker. Places in the asker's items, ascending. */
export function intersectionOf(own: OwnList, answer: Uint8Array, others: Uint8Array): Uint32Array {
  const found: number[] = [];
  matchPlaces(answer, others, (place) => found.push(own.places[place]!));
  return Uint32Array.from(found).sort();
}

export function cardinalityOf(answer: Uint8Array, others: Uint8Array): number {
  let count = 0;
  matchPlaces(answer, others, () => {
    count += 1;
  });
  return count;
}
