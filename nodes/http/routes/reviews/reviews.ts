/** Results that wait for this node's reviewers: what persons look at, and their words. */
import { Type } from "typebox";
import { closed, Uuid } from "../../../../chaincode/rules/vocabulary.ts";
import type { Context } from "../../../computations/context.ts";
import type { Word } from "../../../computations/review-record.ts";
import { listReviews, showReview } from "../../../computations/review-views.ts";
import { say } from "../../../computations/reviews.ts";
import type { HttpApp } from "../../http-app.ts";
import { problems } from "../../schemas.ts";
import { BriefView, Figure, ReviewView } from "./schemas.ts";

const Computation = closed({ computation: Uuid });
const Reason = Type.String({ minLength: 1, maxLength: 2_000 });

export function addReviewApi(app: HttpApp, ctx: Context): void {
  app.get(
    "/api/v1/reviews",
    {
      schema: {
        summary: "Results that persons of this node have to look at before they leave, the oldest first",
        response: { 200: closed({ reviews: Type.Array(BriefView) }), ...problems },
      },
      config: { people: "reviewers" },
    },
    async () => ({ reviews: [...(await listReviews(ctx))] }),
  );
  app.get(
    "/api/v1/reviews/:computation",
    {
      schema: {
        summary: "The table as it would be released, what is withheld and why, and every word so far",
        params: Computation,
        response: { 200: ReviewView, ...problems },
      },
      config: { people: "reviewers" },
    },
    async ({ params }) => await showReview(ctx, params.computation),
  );
  word(app, ctx, "approve", "Approves the present draft");
  word(app, ctx, "reject", "Nothing of this result is to leave");
  app.post(
    "/api/v1/reviews/:computation/restrict",
    {
      schema: {
        summary: "Withholds more figures, and whatever would give them away; approves what is left",
        params: Computation,
        body: closed({ reason: Reason, withhold: Type.Array(Figure, { minItems: 1, maxItems: 1000 }) }),
        response: { 200: ReviewView, ...problems },
      },
      config: { people: "reviewers" },
    },
    async ({ params, body, operator }) => {
      await say(ctx, params.computation, { word: "restrict", by: operator, ...body });
      return await showReview(ctx, params.computation);
    },
  );
}

function word(app: HttpApp, ctx: Context, name: Exclude<Word, "restrict">, summary: string): void {
  app.post(
    `/api/v1/reviews/:computation/${name}`,
    {
      schema: {
        summary,
        params: Computation,
        body: closed({ reason: Reason }),
        response: { 200: ReviewView, ...problems },
      },
      config: { people: "reviewers" },
    },
    async ({ params, body, operator }) => {
      await say(ctx, params.computation, { word: name, by: operator, reason: body.reason, withhold: [] });
      return await showReview(ctx, params.computation);
    },
  );
}
