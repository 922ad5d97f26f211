/** Orders, licences, usage and settlement. Amounts are exact decimals, never floating point. */
import { demand, found } from "./errors.ts";
import type { Host } from "./host.ts";
import { keys } from "./keys.ts";
import type {
  LicenceState,
  ListingState,
  OrderSettledState,
  OrderState,
  SettlementState,
  UsageState,
} from "./records.ts";
import { millisOf, type Rule, written } from "./rule.ts";

const NEXT_ORDER_STATE = Object.freeze({
  placed: { accept: "accepted", reject: "rejected" },
  accepted: undefined,
  rejected: undefined,
} as const);

export const placeOrder: Rule<"order.place"> = async (host, author, body) => {
  const listing = await read<ListingState>(host, keys.listing(body.listing), "listing", "listing");
  demand(listing.state === "published", "ERR_CONTRACT_STATE", "listing: is withdrawn", "listing");
  demand(listing.seller !== author.id, "ERR_CONTRACT_ROLES", "listing: a seller cannot buy its own", "listing");
  await demandFree(host, keys.order(body.order), "order");
  const order: OrderState = {
    order: body,
    buyer: author.id,
    seller: listing.seller,
    state: "placed",
    ...written(host),
  };
  await host.store.put(keys.order(body.order), order);
};

export const decideOrder: Rule<"order.decide"> = async (host, author, { order: id, outcome, reason }) => {
  const order = await read<OrderState>(host, keys.order(id), "order", "order");
  demandParty(author.id, [order.seller], "order");
  const state = NEXT_ORDER_STATE[order.state]?.[outcome];
  demand(state !== undefined, "ERR_CONTRACT_STATE", `order: is already ${order.state}`, "order");
  await host.store.put(keys.order(id), { ...order, state, reason });
};

export const grantLicence: Rule<"licence.grant"> = async (host, author, body) => {
  const order = await read<OrderState>(host, keys.order(body.order), "order", "order");
  demandParty(author.id, [order.seller], "order");
  demand(order.state === "accepted", "ERR_CONTRACT_STATE", `order: expected accepted, is ${order.state}`, "order");
  const { listing } = await read<ListingState>(host, keys.listing(order.order.listing), "listing", "order");
  demand(
    body.termsDigest === listing.termsDigest,
    "ERR_CONTRACT_MISMATCH",
    `termsDigest: the listing's terms are ${listing.termsDigest}`,
    "termsDigest",
  );
  demand(
    millisOf(body.validUntil, "validUntil") > millisOf(host.time, "time"),
    "ERR_CONTRACT_DEADLINE",
    `validUntil: expected after ${host.time}, got ${body.validUntil}`,
    "validUntil",
  );
  await demandFree(host, keys.licence(body.licence), "licence");
  await demandFree(host, keys.orderLicence(body.order), "order");
  const licence: LicenceState = {
    licence: body,
    licensor: order.seller,
    licensee: order.buyer,
    state: "granted",
    ...written(host),
  };
  await host.store.put(keys.licence(body.licence), licence);
  await host.store.put(keys.orderLicence(body.order), { licence: body.licence });
};

export const revokeLicence: Rule<"licence.revoke"> = async (host, author, { licence: id, reason }) => {
  const licence = await read<LicenceState>(host, keys.licence(id), "licence", "licence");
  demandParty(author.id, [licence.licensor], "licence");
  demand(licence.state === "granted", "ERR_CONTRACT_STATE", "licence: already revoked", "licence");
  await host.store.put(keys.licence(id), { ...licence, state: "revoked", reason });
};

/** By the side whose node runs the component: either party of the licence. */
export const recordUsage: Rule<"usage.record"> = async (host, author, { licence: id, totalUses, evidenceDigest }) => {
  const { licence, state, licensor, licensee } = await read<LicenceState>(host, keys.licence(id), "licence", "licence");
  demandParty(author.id, [licensor, licensee], "licence");
  demand(state === "granted", "ERR_CONTRACT_STATE", "licence: is revoked", "licence");
  demand(
    millisOf(host.time, "time") <= millisOf(licence.validUntil, "validUntil"),
    "ERR_CONTRACT_TOO_LATE",
    `licence: ended at ${licence.validUntil}`,
    "licence",
  );
  const previous = ((await host.store.get(keys.usage(id))) as UsageState | undefined)?.totalUses ?? 0;
  demand(
    totalUses > previous && totalUses <= licence.uses,
    "ERR_CONTRACT_AMOUNT",
    `totalUses: expected more than ${previous} and at most ${licence.uses}, got ${totalUses}`,
    "totalUses",
  );
  const usage: UsageState = { totalUses, evidenceDigest, ...written(host) };
  await host.store.put(keys.usage(id), usage);
};

/** Per call: price × uses, and only uses on record that no earlier settlement took. Else once: price × quantity. */
export const recordSettlement: Rule<"settlement.record"> = async (host, author, body) => {
  const order = await read<OrderState>(host, keys.order(body.order), "order", "order");
  demandParty(author.id, [order.seller], "order");
  demand(order.state === "accepted", "ERR_CONTRACT_STATE", `order: expected accepted, is ${order.state}`, "order");
  await demandFree(host, keys.settlement(body.settlement), "settlement");
  const { price } = (await read<ListingState>(host, keys.listing(order.order.listing), "listing", "order")).listing;
  const settled = ((await host.store.get(keys.orderSettled(body.order))) as OrderSettledState | undefined) ?? {
    uses: 0,
    settlements: 0,
  };
  const used = await usesOf(host, body.order);
  demand(
    settled.uses + body.uses <= used,
    "ERR_CONTRACT_AMOUNT",
    `uses: ${used} on record, ${settled.uses} already settled, got ${body.uses}`,
    "uses",
  );
  demand(
    price.meter === "per-call" ? body.uses > 0 : settled.settlements === 0,
    "ERR_CONTRACT_AMOUNT",
    price.meter === "per-call" ? "uses: nothing to settle" : "order: already settled",
    price.meter === "per-call" ? "uses" : "order",
  );
  const units = price.meter === "per-call" ? body.uses : order.order.quantity;
  const expected = hundredths(price.amount) * BigInt(units);
  demand(
    body.currency === price.currency && hundredths(body.amount) === expected,
    "ERR_CONTRACT_AMOUNT",
    `amount: expected ${expected} hundredths of ${price.currency}`,
    "amount",
  );
  const settlement: SettlementState = { settlement: body, ...written(host) };
  const total: OrderSettledState = { uses: settled.uses + body.uses, settlements: settled.settlements + 1 };
  await host.store.put(keys.settlement(body.settlement), settlement);
  await host.store.put(keys.orderSettled(body.order), total);
};

async function usesOf(host: Host, order: string): Promise<number> {
  const link = (await host.store.get(keys.orderLicence(order))) as { licence: string } | undefined;
  if (link === undefined) return 0;
  return ((await host.store.get(keys.usage(link.licence))) as UsageState | undefined)?.totalUses ?? 0;
}

async function read<T>(host: Host, key: string, what: string, field: string): Promise<T> {
  return found((await host.store.get(key)) as T | undefined, what, field);
}

async function demandFree(host: Host, key: string, field: string): Promise<void> {
  demand((await host.store.get(key)) === undefined, "ERR_CONTRACT_EXISTS", `${field}: exists`, field);
}

function demandParty(author: string, parties: readonly string[], field: string): void {
  demand(
    parties.includes(author),
    "ERR_CONTRACT_NOT_PERMITTED",
    `${field}: only ${parties.join(" or ")} may do this, got ${author}`,
    field,
  );
}

/** "12.5" -> 1250n; the schema allows at most two digits after the point. */
function hundredths(amount: string): bigint {
  const [whole = "0", fraction = ""] = amount.split(".");
  return BigInt(whole) * 100n + BigInt(fraction.padEnd(2, "0"));
}
