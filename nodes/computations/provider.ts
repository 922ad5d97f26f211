/** The provider's side of requests: decide on what names own assets, conclude agreements on what is permitted. */
import { type AgreePorts, conclude, decideAndAgree } from "../../exchange/requests/agree.ts";
import { type KnownLife, undecidedAssets } from "../../exchange/requests/decide-request.ts";
import { isOpenToAgree } from "../../exchange/requests/negotiated.ts";
import { appealEndOf } from "../policies/request-deadlines.ts";
import type { Context } from "./context.ts";
import type { Negotiating } from "./negotiating.ts";

/** A decision waits no longer for the requester. */
const PROMPT_MS = 5_000;

type Desk = Pick<Negotiating, "fetchDocument" | "isAsked" | "poke" | "verified">;

export function providerPorts(ctx: Context, desk: Desk, waitMs: number): AgreePorts {
  return {
    ...ctx.party,
    directory: ctx.facts,
    stores: ctx.stores,
    agreements: ctx.stores.agreements,
    ownAsset: (id) => ctx.assets.get(id),
    fetchDocument: desk.fetchDocument,
    usesSoFar: (asset: string) => ctx.uses.of(asset),
    appealEnd: appealEndOf(ctx.services.config()),
    verified: (kept) => desk.verified(kept, waitMs),
  };
}

/** One round over what this node owes a request: repeated after every change of it, and after a restart. */
export async function serveRequest(ctx: Context, desk: Desk, id: string): Promise<void> {
  const life = (await ctx.stores.lives.get(id))?.life;
  if (life === undefined || life.name === "draft") return;
  const prompt = providerPorts(ctx, desk, PROMPT_MS);
  for (const asset of undecidedAssets(life, ctx.services.member)) {
    if (!(await desk.isAsked(life, asset))) continue;
    await decideAndAgree(prompt, id, asset);
    desk.poke(id);
  }
  const ports = providerPorts(ctx, desk, 0);
  for (const asset of permitted(ctx, life)) await conclude(ports, id, asset);
}

/** Own permitted assets whose agreement can still be concluded. */
const permitted = (ctx: Context, life: KnownLife): readonly string[] =>
  Object.entries(life.assets).flatMap(([asset, { outcome, agreement }]) => {
    const isOwn = asset.startsWith(`${ctx.services.member}:`);
    return isOwn && outcome === "permit" && agreement === undefined && isOpenToAgree(life) ? [asset] : [];
  });
