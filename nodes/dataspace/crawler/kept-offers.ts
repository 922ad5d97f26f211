/**
 * Offers of crawled catalogues in memory, within a budget of bytes: how long an offer is, its connector decides. A copy
 * that is being read counts beside the one that it may replace for its own member, and in place of it for all. Room that
 * nobody else wants is lent: where there is none left, the largest copy gives back its last offers to any smaller one,
 * so that each of so many copies can have as much as any of them.
 */
import type { CrawledOffer } from "../../../exchange/catalog/crawled.ts";

/** Bytes are of memory, as `sizeOf` reckons them. */
export interface OfferLimits {
  /** Of one member. */
  readonly offers: number;
  readonly offerBytes: number;
  /** Of all members together. */
  readonly allOffers: number;
  readonly allOfferBytes: number;
}
export const OFFER_LIMITS: OfferLimits = Object.freeze({
  offers: 10_000,
  offerBytes: 8 * 1024 * 1024,
  allOffers: 50_000,
  allOfferBytes: 64 * 1024 * 1024,
});

/** Of an offer and of one language of its title beside the text itself, as measured on V8. */
const OFFER_BYTES = 256;
const TITLE_BYTES = 128;
/** V8 writes a text with two bytes for each character when one of them needs it. */
const WIDE = /[\u0100-\uffff]/;

function sizeOf(offer: CrawledOffer, text: string): number {
  return OFFER_BYTES + TITLE_BYTES * Object.keys(offer.title).length + text.length * (WIDE.test(text) ? 2 : 1);
}

interface Copy {
  readonly offers: CrawledOffer[];
  /** Of each offer: where it is kept, and what it takes. */
  readonly places: { readonly key: string; readonly bytes: number }[];
  bytes: number;
}

/** `onGone` hears the key of each offer that gave way to another member's. */
export function createKeptOffers(limits: OfferLimits, onGone: (key: string) => void) {
  const copies = new Map<string, Copy>();
  const open = new Set<Copy>();
  const all = { offers: 0, bytes: 0 };

  function release({ offers, bytes }: Copy): void {
    all.offers -= offers.length;
    all.bytes -= bytes;
  }

  /** Takes its last offer from the largest of the others, if that is larger than `size`. */
  function takeBack(sizeIn: (copy: Copy) => number, size: number, spared: readonly (Copy | undefined)[]): boolean {
    let largest: Copy | undefined;
    for (const one of [...copies.values(), ...open]) {
      if (spared.includes(one) || sizeIn(one) <= (largest === undefined ? size : sizeIn(largest))) continue;
      largest = one;
    }
    const last = largest?.places.pop();
    if (largest === undefined || last === undefined) return false;
    largest.offers.pop();
    largest.bytes -= last.bytes;
    all.offers -= 1;
    all.bytes -= last.bytes;
    onGone(last.key);
    return true;
  }

  return Object.freeze({
    of: (member: string): readonly CrawledOffer[] => copies.get(member)?.offers ?? [],
    delete(member: string) {
      const copy = copies.get(member);
      if (copy !== undefined) release(copy);
      copies.delete(member);
    },
    /** A new copy, which ends in `keep` or `drop`. */
    begin(member: string) {
      const copy: Copy = { offers: [], places: [], bytes: 0 };
      open.add(copy);
      return Object.freeze({
        /** False: there is no room for it. `key`: where it is kept on disk. */
        add(key: string, offer: CrawledOffer): boolean {
          const text = JSON.stringify(offer);
          const bytes = sizeOf(offer, text);
          if (copy.offers.length >= limits.offers || copy.bytes + bytes > limits.offerBytes) return false;
          const before = copies.get(member);
          const spared = [copy, before];
          const offersOver = () => all.offers - (before?.offers.length ?? 0) + 1 - limits.allOffers;
          const bytesOver = () => all.bytes - (before?.bytes ?? 0) + bytes - limits.allOfferBytes;
          while (offersOver() > 0) {
            if (!takeBack((one) => one.offers.length, copy.offers.length + 1, spared)) return false;
          }
          while (bytesOver() > 0) {
            if (!takeBack((one) => one.bytes, copy.bytes + bytes, spared)) return false;
          }
          // Its texts are pieces of the ones that were received, and would hold them.
          copy.offers.push(JSON.parse(text) as CrawledOffer);
          copy.places.push({ key, bytes });
          copy.bytes += bytes;
          all.offers += 1;
          all.bytes += bytes;
          return true;
        },
        /** Takes the place of the copy before. */
        keep() {
          const before = copies.get(member);
          if (before !== undefined) release(before);
          copies.set(member, copy);
          open.delete(copy);
        },
        /** Nothing after `keep`. */
        drop() {
          if (open.delete(copy)) release(copy);
        },
      });
    },
  });
}
