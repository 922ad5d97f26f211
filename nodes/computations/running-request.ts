/**
 * The same question was asked before and its request is not over: that one is named, with the agreements it has, instead
 * of asking everybody again.
 */
import type { KnownLife } from "../../exchange/requests/decide-request.ts";
import { isOver, isRefusedByAll } from "../../exchange/requests/life.ts";
import type { RequestDraft } from "../../exchange/requests/submit.ts";
import { questionOf } from "./cached-answer.ts";
import type { Context } from "./context.ts";

interface Filed {
  readonly request: string;
}

type Deps = Pick<Context, "services" | "stores">;

/** By the question: titles and texts make no other one. */
const filed = ({ services }: Deps) => services.openStore<Filed>("filed-questions");

export async function runningRequest(ctx: Deps, draft: RequestDraft): Promise<string | undefined> {
  const question = questionOf(draft);
  if (draft.id !== undefined || question === undefined) return undefined;
  const { request } = (await filed(ctx).get(question)) ?? {};
  if (request === undefined || !(await covers(ctx, request, draft))) return undefined;
  const life = (await ctx.stores.lives.get(request))?.life;
  if (life === undefined || isOver(life)) return undefined;
  return life.name !== "draft" && (isRefusedByAll(life) || hasLost(life)) ? undefined : request;
}

/** An agreement that was revoked is none to wait for. */
const hasLost = (life: KnownLife): boolean =>
  Object.values(life.assets).some(({ agreement }) => agreement?.revoked !== undefined);

/** It is valid for at least as long as the draft would be. */
async function covers({ stores }: Deps, request: string, { validity }: RequestDraft): Promise<boolean> {
  const filedOne = (await stores.documents.get(request))?.document.statement.validity;
  return filedOne !== undefined && filedOne.from <= validity.from && filedOne.to >= validity.to;
}

export async function rememberDraft(ctx: Deps, draft: RequestDraft, request: string): Promise<void> {
  const question = questionOf(draft);
  if (question !== undefined) await filed(ctx).put(question, { request });
}
