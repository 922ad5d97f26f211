/** What reviewers see. */
import { readComputation, readResult, readReview } from "../../chaincode/rules/keys.ts";
import type { ReviewState } from "../../chaincode/rules/records.ts";
import { ComputationError } from "../../exchange/computations/errors.ts";
import type { ReviewBriefView, ReviewView } from "../http/routes/reviews/schemas.ts";
import type { Context } from "./context.ts";
import type { KeptReview } from "./review-record.ts";

const HISTORY = 20;

export async function listReviews(ctx: Context): Promise<readonly ReviewBriefView[]> {
  const all: KeptReview[] = [];
  for await (const [, kept] of ctx.stores.reviews.entries()) all.push(kept);
  const views = await Promise.all(all.map((kept) => briefOf(ctx, kept)));
  const open = views.filter(({ state }) => state === "open");
  return open.toSorted((a, b) => (a.since < b.since ? -1 : 1));
}

/** Throws ERR_COMPUTATION_UNKNOWN. */
export async function showReview(ctx: Context, computation: string): Promise<ReviewView> {
  const kept = await ctx.stores.reviews.get(computation);
  if (kept === undefined) {
    throw new ComputationError("ERR_COMPUTATION_UNKNOWN", `computation ${computation}: no review of it here`);
  }
  const result = await ctx.stores.results.get(computation);
  const request = await requestOf(ctx, computation, kept.requester);
  const pending = kept.pending === undefined ? [] : [{ ...kept.pending.said, pending: true as const }];
  const words = [...kept.words, ...pending].map(({ reviewer, word, reason, withhold, at, ...rest }) => ({
    reviewer,
    word,
    reason: reason.document.reason,
    withhold: withhold.map(({ group, measure }) => ({ group: { ...group }, measure })),
    at,
    ...("pending" in rest ? { pending: true as const } : {}),
  }));
  return {
    ...(await briefOf(ctx, kept)),
    ...(request === undefined ? {} : { title: request.title, purpose: request.purpose.code }),
    ...(result?.outcome.kind === "released" ? { document: result.outcome.result.document } : {}),
    withheld: (result?.withheldFigures ?? []).map(({ group, rules, ...rest }) => ({
      ...rest,
      group: { ...group },
      rules: [...rules],
    })),
    words,
    history: await historyOf(ctx, kept),
  };
}

function stateOf(
  review: ReviewState | undefined,
  { isApproved, isOver }: { readonly isApproved: boolean; readonly isOver: boolean },
): ReviewBriefView["state"] {
  if (review?.rejectedBy !== undefined) return "rejected";
  if (isApproved) return "approved";
  if (isOver) return "ended";
  return review === undefined ? "opening" : "open";
}

async function briefOf(ctx: Context, kept: KeptReview): Promise<ReviewBriefView> {
  const { computation, request, requester, persons, since, until, first } = kept;
  const { ledger } = ctx.services;
  const [state, at] = await Promise.all([readReview(ledger, computation), readComputation(ledger, computation)]);
  const approvals = [...(state?.approvals ?? [])];
  const isApproved = approvals.length >= persons;
  const isOver = at?.state !== "closed2" || ctx.clock() >= Date.parse(until);
  return {
    computation,
    request,
    requester,
    state: stateOf(state, { isApproved, isOver }),
    persons,
    approvals,
    since,
    until,
    withheldCells: state?.withheldCells ?? first.withheldCells,
  };
}

/** As its requester handed it over with the computation. */
const requestOf = async (ctx: Context, computation: string, requester: string) =>
  (await ctx.stores.dossiers.get(`${computation}/${requester}`))?.request.document.statement;

async function historyOf(ctx: Context, { requester, request }: KeptReview): Promise<ReviewView["history"]> {
  const found: ReviewView["history"] = [];
  for await (const [id, { life }] of ctx.stores.lives.entries()) {
    if (id === request || life.name !== "released") continue;
    if (life.requester !== requester || life.receiver !== ctx.services.member) continue;
    const released = await readResult(ctx.services.ledger, life.computation);
    const title = (await requestOf(ctx, life.computation, requester))?.title;
    if (released === undefined) continue;
    found.push({ request: id, ...(title === undefined ? {} : { title }), time: released.time });
  }
  return found.toSorted((a, b) => (a.time < b.time ? 1 : -1)).slice(0, HISTORY);
}
