/** The same draft was filed before and its request is not over: that one is named instead of filing it twice. */
import { digestOf } from "../../crypto/suites/digest.ts";
import { isOver, isRefusedByAll } from "../../exchange/requests/life.ts";
import type { RequestDraft } from "../../exchange/requests/submit.ts";
import type { Context } from "./context.ts";

interface Filed {
  readonly request: string;
}

type Deps = Pick<Context, "services" | "stores">;

/** By the digest of the draft as it came. */
const filed = ({ services }: Deps) => services.openStore<Filed>("filed-drafts");

export async function runningRequest(ctx: Deps, draft: RequestDraft): Promise<string | undefined> {
  if (draft.id !== undefined) return undefined;
  const { request } = (await filed(ctx).get(digestOf(draft))) ?? {};
  const life = request === undefined ? undefined : (await ctx.stores.lives.get(request))?.life;
  if (life === undefined || isOver(life)) return undefined;
  return life.name !== "draft" && isRefusedByAll(life) ? undefined : request;
}

export const rememberDraft = (ctx: Deps, draft: RequestDraft, request: string): Promise<void> =>
  filed(ctx).put(digestOf(draft), { request });
