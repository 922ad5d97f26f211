import { describe, expect, test } from "vitest";
import { digest, uuid } from "../../ledger/conformance/fixture.ts";
import { foundedWorld, minutes, providers, type World } from "./_world.ts";
import { keys } from "./keys.ts";
import type { TransactionBody } from "./transactions.ts";

const [seller, buyer, stranger] = [providers[0]!, providers[1]!, providers[2]!];
const COMPONENT = uuid("component");
const LISTING = uuid("listing");
const ORDER = uuid("order");
const LICENCE = uuid("licence");

const component: TransactionBody<"component.register"> = {
  component: COMPONENT,
  version: "1.0.0",
  type: "tool",
  digest: digest("component"),
  manifestDigest: digest("manifest"),
  lineage: [],
};
const listing = (meter: "once" | "per-call" = "per-call"): TransactionBody<"listing.publish"> => ({
  listing: LISTING,
  component: COMPONENT,
  version: "1.0.0",
  termsDigest: digest("terms"),
  price: { amount: "0.15", currency: "CNY", meter },
});
const order = { order: ORDER, listing: LISTING, quantity: 3 };
const licence = {
  licence: LICENCE,
  order: ORDER,
  uses: 100,
  validUntil: minutes(60),
  termsDigest: digest("terms"),
};
const usage = (totalUses: number) => ({ licence: LICENCE, totalUses, evidenceDigest: digest("evidence") });
const settlement = (uses: number, amount: string, label = "settlement") => ({
  settlement: uuid(label),
  order: ORDER,
  uses,
  amount,
  currency: "CNY",
});

async function listedWorld(meter?: "once"): Promise<World> {
  const world = await foundedWorld();
  await world.must(seller, "component.register", component);
  await world.must(seller, "listing.publish", listing(meter));
  return world;
}

async function licensedWorld(meter?: "once"): Promise<World> {
  const world = await listedWorld(meter);
  await world.must(buyer, "order.place", order);
  await world.must(seller, "order.decide", { order: ORDER, outcome: "accept", reason: "paid" });
  await world.must(seller, "licence.grant", licence);
  return world;
}

describe("components", () => {
  test("a version is registered once, by the owner, of the same type", async () => {
    const world = await listedWorld();
    await world.must(seller, "component.register", { ...component, version: "1.1.0" });
    expect(await world.submit(seller, "component.register", component)).toMatchObject({ code: "ERR_CONTRACT_EXISTS" });
    const next = { ...component, version: "2.0.0" };
    expect(await world.submit(buyer, "component.register", next)).toMatchObject({ code: "ERR_CONTRACT_NOT_PERMITTED" });
    expect(await world.submit(seller, "component.register", { ...next, type: "knowledge" })).toMatchObject({
      code: "ERR_CONTRACT_MISMATCH",
    });
  });

  test("the owner lists an existing version, and withdraws the listing once", async () => {
    const world = await listedWorld();
    const another = { ...listing(), listing: uuid("another") };
    expect(await world.submit(seller, "listing.publish", listing())).toMatchObject({ code: "ERR_CONTRACT_EXISTS" });
    expect(await world.submit(buyer, "listing.publish", another)).toMatchObject({ code: "ERR_CONTRACT_NOT_PERMITTED" });
    expect(await world.submit(seller, "listing.publish", { ...another, version: "9.9.9" })).toMatchObject({
      code: "ERR_CONTRACT_NOT_FOUND",
    });
    const withdraw = { listing: LISTING, reason: "old" };
    expect(await world.submit(buyer, "listing.withdraw", withdraw)).toMatchObject({
      code: "ERR_CONTRACT_NOT_PERMITTED",
    });
    await world.must(seller, "listing.withdraw", withdraw);
    expect(await world.submit(seller, "listing.withdraw", withdraw)).toMatchObject({ code: "ERR_CONTRACT_STATE" });
    expect(await world.submit(buyer, "order.place", order)).toMatchObject({ code: "ERR_CONTRACT_STATE" });
  });
});

describe("orders and licences", () => {
  test("an order is placed by another member and decided once by the seller", async () => {
    const world = await listedWorld();
    expect(await world.submit(seller, "order.place", order)).toMatchObject({ code: "ERR_CONTRACT_ROLES" });
    await world.must(buyer, "order.place", order);
    expect(await world.submit(buyer, "order.place", order)).toMatchObject({ code: "ERR_CONTRACT_EXISTS" });
    expect(await world.submit(seller, "licence.grant", licence)).toMatchObject({ code: "ERR_CONTRACT_STATE" });
    const reject = { order: ORDER, outcome: "reject" as const, reason: "unpaid" };
    expect(await world.submit(buyer, "order.decide", reject)).toMatchObject({ code: "ERR_CONTRACT_NOT_PERMITTED" });
    await world.must(seller, "order.decide", reject);
    expect(await world.submit(seller, "order.decide", { ...reject, outcome: "accept" })).toMatchObject({
      code: "ERR_CONTRACT_STATE",
    });
  });

  test("an accepted order gives one licence, by the seller, on the listing's terms, into the future", async () => {
    const world = await listedWorld();
    await world.must(buyer, "order.place", order);
    await world.must(seller, "order.decide", { order: ORDER, outcome: "accept", reason: "paid" });
    const grant = (changes: Partial<typeof licence>, author = seller) =>
      world.submit(author, "licence.grant", { ...licence, ...changes });
    expect(await grant({}, buyer)).toMatchObject({ code: "ERR_CONTRACT_NOT_PERMITTED" });
    expect(await grant({ termsDigest: digest("other") })).toMatchObject({ code: "ERR_CONTRACT_MISMATCH" });
    expect(await grant({ validUntil: minutes(0) })).toMatchObject({ code: "ERR_CONTRACT_DEADLINE" });
    expect(await grant({})).toEqual({ ok: true });
    expect(await grant({ licence: uuid("second") })).toMatchObject({ code: "ERR_CONTRACT_EXISTS" });
  });
});

describe("usage and settlement", () => {
  test("usage is cumulative, within the licence, its time and its life", async () => {
    const world = await licensedWorld();
    await world.must(buyer, "usage.record", usage(10));
    expect(await world.submit(buyer, "usage.record", usage(10))).toMatchObject({ code: "ERR_CONTRACT_AMOUNT" });
    expect(await world.submit(buyer, "usage.record", usage(101))).toMatchObject({ code: "ERR_CONTRACT_AMOUNT" });
    expect(await world.submit(stranger, "usage.record", usage(11))).toMatchObject({
      code: "ERR_CONTRACT_NOT_PERMITTED",
    });
    await world.must(seller, "usage.record", usage(11));
    world.clock = 61;
    expect(await world.submit(buyer, "usage.record", usage(12))).toMatchObject({ code: "ERR_CONTRACT_TOO_LATE" });
    world.clock = 1;
    const revoke = { licence: LICENCE, reason: "misuse" };
    expect(await world.submit(buyer, "licence.revoke", revoke)).toMatchObject({ code: "ERR_CONTRACT_NOT_PERMITTED" });
    await world.must(seller, "licence.revoke", revoke);
    expect(await world.submit(seller, "licence.revoke", revoke)).toMatchObject({ code: "ERR_CONTRACT_STATE" });
    expect(await world.submit(buyer, "usage.record", usage(12))).toMatchObject({ code: "ERR_CONTRACT_STATE" });
  });

  test("calls are settled exactly, once each, only as recorded", async () => {
    const world = await licensedWorld();
    await world.must(buyer, "usage.record", usage(7));
    const settle = (uses: number, amount: string, label?: string, author = seller) =>
      world.submit(author, "settlement.record", settlement(uses, amount, label));
    expect(await settle(7, "1.05", "one", buyer)).toMatchObject({ code: "ERR_CONTRACT_NOT_PERMITTED" });
    expect(await settle(7, "1.06")).toMatchObject({ code: "ERR_CONTRACT_AMOUNT", field: "amount" });
    expect(await settle(8, "1.20")).toMatchObject({ code: "ERR_CONTRACT_AMOUNT", field: "uses" });
    expect(await settle(0, "0")).toMatchObject({ code: "ERR_CONTRACT_AMOUNT", field: "uses" });
    expect(await settle(5, "0.75")).toEqual({ ok: true });
    expect(await settle(2, "0.3")).toMatchObject({ code: "ERR_CONTRACT_EXISTS" });
    expect(await settle(2, "0.3", "second")).toEqual({ ok: true });
    expect(await settle(1, "0.15", "third")).toMatchObject({ code: "ERR_CONTRACT_AMOUNT", field: "uses" });
    expect(await world.state.get(keys.orderSettled(ORDER))).toEqual({ uses: 7, settlements: 2 });
  });

  test("a one-off price is settled once for the ordered quantity", async () => {
    const world = await licensedWorld("once");
    await world.must(seller, "settlement.record", settlement(0, "0.45"));
    const again = settlement(0, "0.45", "again");
    expect(await world.submit(seller, "settlement.record", again)).toMatchObject({ code: "ERR_CONTRACT_AMOUNT" });
  });
});

describe("access anchors", () => {
  test("ranges follow each other without gap or overlap, per member", async () => {
    const world = await foundedWorld();
    const anchor = (from: number, to: number) =>
      world.submit(seller, "access.anchor", { from, to, root: digest(`${from}`) });
    expect(await anchor(1, 2)).toMatchObject({ code: "ERR_CONTRACT_RANGE", field: "from" });
    expect(await anchor(0, 0)).toMatchObject({ code: "ERR_CONTRACT_RANGE", field: "to" });
    expect(await anchor(0, 5)).toEqual({ ok: true });
    expect(await anchor(4, 6)).toMatchObject({ code: "ERR_CONTRACT_RANGE", field: "from" });
    expect(await anchor(5, 6)).toEqual({ ok: true });
    await world.must(buyer, "access.anchor", { from: 0, to: 1, root: digest("own") });
  });
});
