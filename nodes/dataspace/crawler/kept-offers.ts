/**
 * Offers of crawled catalogues in memory, within a budget of bytes: how long an offer is, its connector decides. A copy
 * that is being read counts beside the one that it may replace for its own member, and in place of it for all.
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
  bytes: number;
}

export function createKeptOffers(limits: OfferLimits) {
  const copies = new Map<string, Copy>();
  const all = { offers: 0, bytes: 0 };

  function release({ offers, bytes }: Copy): void {
    all.offers -= offers.length;
    all.bytes -= bytes;
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
      const copy: Copy = { offers: [], bytes: 0 };
      let isOpen = true;
      return Object.freeze({
        count: () => copy.offers.length,
        /** False: there is no room for it. */
        add(offer: CrawledOffer): boolean {
          const text = JSON.stringify(offer);
          const bytes = sizeOf(offer, text);
          const before = copies.get(member);
          const others = { offers: all.offers - (before?.offers.length ?? 0), bytes: all.bytes - (before?.bytes ?? 0) };
          if (copy.offers.length >= limits.offers || copy.bytes + bytes > limits.offerBytes) return false;
          if (others.offers >= limits.allOffers || others.bytes + bytes > limits.allOfferBytes) return false;
          // Its texts are pieces of the ones that were received, and would hold them.
          copy.offers.push(JSON.parse(text) as CrawledOffer);
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
          isOpen = false;
        },
        /** Nothing after `keep`. */
        drop() {
          if (isOpen) release(copy);
          isOpen = false;
        },
      });
    },
  });
}
