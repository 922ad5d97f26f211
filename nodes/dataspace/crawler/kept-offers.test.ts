import { expect, test } from "vitest";
import type { CrawledOffer } from "../../../exchange/catalog/crawled.ts";
import { createKeptOffers, OFFER_LIMITS, type OfferLimits } from "./kept-offers.ts";

const offer = (description: string, title: CrawledOffer["title"] = { en: "x" }): CrawledOffer => ({
  ...{ id: "one", title, description, keywords: [], formats: [] },
});
const LONG = "x".repeat(500);
let key = 0;
function fill(copy: { add(key: string, offer: CrawledOffer): boolean }, one: CrawledOffer): number {
  for (let count = 0; ; count += 1) {
    key += 1;
    if (!copy.add(String(key), one)) return count;
  }
}
const keeping = (limits: Partial<OfferLimits>) => {
  const gone: string[] = [];
  return { gone, ...createKeptOffers({ ...OFFER_LIMITS, ...limits }, (one) => gone.push(one)) };
};

test("a copy that is being read counts beside the one that it may replace, and its room is given back once", () => {
  const kept = keeping({ offerBytes: 10_000, allOfferBytes: 15_000 });
  const alpha = kept.begin("alpha");
  const most = fill(alpha, offer(LONG));
  expect(most).toBeGreaterThan(5);
  alpha.keep();
  alpha.drop();
  // Another copy of the same member takes the place of the first, whose room counts only for the others.
  const again = kept.begin("alpha");
  expect(fill(again, offer(LONG))).toBe(most);
  again.drop();
  again.drop();
  expect(kept.gone).toEqual([]);
  kept.delete("alpha");
  const beta = kept.begin("beta");
  const gamma = kept.begin("gamma");
  expect(fill(beta, offer(LONG))).toBe(most);
  fill(gamma, offer(LONG));
  beta.keep();
  gamma.keep();
  const [ofBeta, ofGamma] = ["beta", "gamma"].map((member) => kept.of(member).length);
  expect([ofBeta! + kept.gone.length, ofBeta! - ofGamma! <= 1]).toEqual([most, true]);
});

test("whoever comes last has as much room as those before, and those who want little keep all of it", () => {
  const kept = keeping({ allOffers: 100, offers: 40 });
  const hostile = ["a", "b", "c", "d"].map((member) => kept.begin(member));
  for (const one of hostile) fill(one, offer(LONG));
  for (const one of hostile) one.keep();
  const small = kept.begin("small");
  for (let at = 0; at < 3; at += 1) expect(small.add(`small ${at}`, offer(LONG))).toBe(true);
  small.keep();
  const late = kept.begin("late");
  expect(fill(late, offer(LONG))).toBe(19);
  late.keep();
  const held = ["a", "b", "c", "d", "small", "late"].map((member) => kept.of(member).length);
  expect(held.toSorted((one, other) => one - other)).toEqual([3, 19, 19, 19, 20, 20]);
  expect(kept.gone.filter((one) => one.startsWith("small"))).toEqual([]);
  // Again and again, nothing moves any more.
  const before = kept.gone.length;
  const again = kept.begin("a");
  fill(again, offer(LONG));
  again.keep();
  expect(kept.gone.length - before).toBeLessThan(2);
});

test("eight members that send all they can leave a ninth its share of the bytes", () => {
  const kept = keeping({});
  for (const member of "abcdefgh") {
    const copy = kept.begin(member);
    fill(copy, offer("x".repeat(20_000)));
    copy.keep();
  }
  const ninth = kept.begin("ninth");
  const count = fill(ninth, offer(LONG));
  expect(count).toBeGreaterThan(5_000);
  ninth.keep();
  const sizes = [..."abcdefgh"].map((member) => kept.of(member).length);
  expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(2);
});

test("wide characters and languages take the room that they take in memory", () => {
  const room = (one: CrawledOffer) => fill(keeping({}).begin("alpha"), one);
  const narrow = room(offer(LONG));
  expect(room(offer(`${LONG.slice(1)}煤`))).toBeLessThan(0.7 * narrow);
  const languages = Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`l-${"abcdefgh"[at]}`, "x"]));
  expect(room(offer("", languages))).toBeLessThan(0.7 * room(offer("")));
  expect(room(offer(""))).toBeLessThanOrEqual(OFFER_LIMITS.offers);
});
