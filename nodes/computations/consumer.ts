/** The requester's side of a contract negotiation: what it checks an agreement against. */
import { readAgreement } from "../../chaincode/rules/keys.ts";
import type { VerifyPorts } from "../../exchange/requests/verify-agreement.ts";
import type { Context } from "./context.ts";

export const consumerPorts = (ctx: Context): VerifyPorts => ({
  identity: ctx.party.identity,
  directory: ctx.facts,
  stores: ctx.stores,
  agreements: ctx.stores.agreements,
  metadata: async (asset) => (await ctx.services.catalogue.find(asset)).statement.asset,
  decision: ctx.facts.decision,
  concluded: async (agreement) => (await readAgreement(ctx.services.ledger, agreement))?.agreement,
});
