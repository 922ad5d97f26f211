import { expect, test } from "vitest";
import type { CrawledOffer } from "../../../exchange/catalog/crawled.ts";
import { createKeptOffers, OFFER_LIMITS } from "./kept-offers.ts";

const offer = (description: string, title: CrawledOffer["title"] = { en: "x" }): CrawledOffer => ({
  ...{ id: "one", title, description, keywords: [], formats: [] },
});
const LONG = "x".repeat(500);
function fill(copy: { add(offer: CrawledOffer): boolean }, one: CrawledOffer): number {
  for (let count = 0; ; count += 1) if (!copy.add(one)) return count;
}

test("the room of all is shared by copies that are kept and copies that are being read, and given back once", () => {
  const kept = createKeptOffers({ ...OFFER_LIMITS, offerBytes: 10_000, allOfferBytes: 15_000 });
  const alpha = kept.begin("alpha");
  const most = fill(alpha, offer(LONG));
  expect(most).toBeGreaterThan(5);
  const beta = kept.begin("beta");
  const rest = fill(beta, offer(LONG));
  expect(rest).toBeGreaterThan(0);
  expect(rest).toBeLessThan(most);
  beta.drop();
  beta.drop();
  alpha.keep();
  alpha.drop();
  // Another copy of the same member takes the place of the first, whose room counts only for the others.
  const again = kept.begin("alpha");
  expect(fill(again, offer(LONG))).toBe(most);
  expect(fill(kept.begin("beta"), offer(LONG))).toBe(0);
  again.keep();
  expect(kept.of("alpha")).toHaveLength(most);
  const gamma = kept.begin("gamma");
  expect(fill(gamma, offer(LONG))).toBe(rest);
  gamma.drop();
  kept.delete("alpha");
  expect(fill(kept.begin("gamma"), offer(LONG))).toBe(most);
});

test("wide characters and languages take the room that they take in memory", () => {
  const room = (one: CrawledOffer) => fill(createKeptOffers(OFFER_LIMITS).begin("alpha"), one);
  const narrow = room(offer(LONG));
  expect(room(offer(`${LONG.slice(1)}煤`))).toBeLessThan(0.7 * narrow);
  const languages = Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`l-${"abcdefgh"[at]}`, "x"]));
  expect(room(offer("", languages))).toBeLessThan(0.7 * room(offer("")));
  expect(room(offer(""))).toBeLessThanOrEqual(OFFER_LIMITS.offers);
});
