/** What the planner needs to know of a draft: entries of the catalogue, and facts of this node's replica of the ledger. */

import { setTimeout as sleep } from "node:timers/promises";
import type { CatalogueEntry } from "../../exchange/catalog/catalogue.ts";
import { type Offer, planRequest, type RequestPlan } from "../../exchange/planner/plan.ts";
import { decisionContext } from "../../exchange/requests/decide-request.ts";
import { type RequestDraft, refuseInvalid } from "../../exchange/requests/submit.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import { appealEndOf } from "../policies/request-deadlines.ts";
import type { Catalogue } from "../runtime/assets/catalogue.ts";
import type { Context } from "./context.ts";
import { speedHere } from "./yardstick.ts";

const ENTRY_WAIT_MS = 5_000;
/** Of a draft that has none yet: nothing is stored under it. */
const NO_REQUEST = "00000000-0000-4000-8000-000000000000";

/** Throws ERR_REQUEST_INVALID as filing the draft would. */
export async function planDraft(ctx: Context, draft: RequestDraft): Promise<RequestPlan> {
  const now = ctx.services.now();
  const request: DataRequest = { id: NO_REQUEST, ...draft, requester: ctx.services.member, createdAt: now };
  const found = new Map<string, Offer>();
  await refuseInvalid({ directory: ctx.facts }, request, now);
  await Promise.all(
    request.assets.map(async (asset) => {
      const offer = await offerOf(ctx, request, asset);
      if (offer !== undefined) found.set(asset, offer);
    }),
  );
  const sequencer = await ctx.facts.sequencer();
  return planRequest({
    request,
    offers: request.assets.flatMap((asset) => found.get(asset) ?? []),
    missing: request.assets.filter((asset) => !found.has(asset)),
    excludedGroups: await ctx.facts.excludedGroups([
      request.coordinator,
      request.receiver,
      request.requester,
      sequencer,
    ]),
    sequencer,
    suite: await ctx.facts.suite(),
    attributes: await ctx.facts.attributes(),
    now: ctx.clock(),
    speed: speedHere(),
  });
}

/** A plan waits for nobody: what does not come at once is said to be missing, and may be here the next time. */
const entryInTime = (catalogue: Pick<Catalogue, "find">, asset: string): Promise<CatalogueEntry | undefined> =>
  Promise.race([catalogue.find(asset).catch(() => undefined), sleep(ENTRY_WAIT_MS, undefined, { ref: false })]);

/** Uses so far and the steward's word are the provider's to know: the plan takes the first to be none. */
async function offerOf(ctx: Context, request: DataRequest, id: string): Promise<Offer | undefined> {
  const entry = await entryInTime(ctx.services.catalogue, id);
  if (entry === undefined) return undefined;
  const { asset, offer: policy } = entry.statement;
  const member = await ctx.facts.member(asset.provider);
  if (member?.active !== true) return undefined;
  const ports = {
    directory: ctx.facts,
    identity: { member: asset.provider },
    now: ctx.services.now,
    usesSoFar: async () => 0,
    appealEnd: appealEndOf(ctx.services.config()),
  };
  const context = await decisionContext(ports, request, { asset, policy }, undefined);
  return { asset, policy, holdingGroup: member.holdingGroup, active: member.active, context };
}
