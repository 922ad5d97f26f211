import { Type } from "typebox";
import { AssetId, Code, closed, Instant, literals, Text } from "../../../../chaincode/rules/vocabulary.ts";
import { RequestError } from "../../../../exchange/requests/errors.ts";
import { stopsOf } from "../../../../policies/engine/stops.ts";
import type { Verdict } from "../../../../policies/model/verdict.ts";
import type { Context } from "../../../computations/context.ts";
import type { HttpApp } from "../../http-app.ts";
import { problems } from "../../schemas.ts";
import { StopView, stopViews } from "../policies/explain.ts";
import { LIFE_NAMES, RequestParameters, RequestView, viewOf } from "./schemas.ts";

export function listRequests(app: HttpApp, ctx: Pick<Context, "stores">): void {
  app.get(
    "/api/v1/requests",
    {
      schema: {
        summary: "Requests on the ledger as this node sees them, newest first",
        response: { 200: closed({ requests: Type.Array(RequestView) }), ...problems },
      },
    },
    async () => {
      const requests: RequestView[] = [];
      for await (const [id, { life }] of ctx.stores.lives.entries()) {
        requests.push(viewOf(life, await ctx.stores.documents.get(id)));
      }
      return { requests: requests.sort((a, b) => ((a.submittedAt ?? "") < (b.submittedAt ?? "") ? 1 : -1)) };
    },
  );
}

/** Answers at once, or, while the request is in the state `unless`, as soon as it has moved on. */
const WaitQuery = closed({
  unless: Type.Optional(literals(LIFE_NAMES)),
  waitMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 60_000 })),
});

export function showRequest(app: HttpApp, ctx: Pick<Context, "stores" | "moved" | "clock">): void {
  app.get(
    "/api/v1/requests/:request",
    {
      schema: {
        summary: "One request; with `unless` and `waitMs`, once it has left that state",
        params: RequestParameters,
        querystring: WaitQuery,
        response: { 200: RequestView, ...problems },
      },
      config: { longPoll: true },
    },
    async ({ params, query }) => {
      const { unless, waitMs = 0 } = query;
      const until = ctx.clock() + waitMs;
      for (;;) {
        const known = await ctx.stores.lives.get(params.request);
        if (known === undefined) throw unknownRequest(params.request);
        const left = until - ctx.clock();
        if (known.life.name !== unless || left <= 0 || ctx.moved.isClosed()) {
          return viewOf(known.life, await ctx.stores.documents.get(params.request));
        }
        await ctx.moved.wait(params.request, left);
      }
    },
  );
}

const ExplanationView = closed({
  asset: AssetId,
  outcome: literals(["permit", "refuse", "wait"]),
  reasons: Type.Array(Code),
  policyVersion: Type.Integer(),
  decidedBy: Type.Optional(Text),
  at: Instant,
  /** What every rule compared. */
  verdicts: Type.Array(Type.Unknown()),
  /** What stopped it: columns, and terms of the policy. */
  stops: Type.Array(StopView),
});

export function explainRequest(app: HttpApp, ctx: Pick<Context, "stores">): void {
  app.get(
    "/api/v1/requests/:request/explanations",
    {
      schema: {
        summary: "This node's own decisions on a request, with what every rule compared",
        params: RequestParameters,
        response: { 200: closed({ explanations: Type.Array(ExplanationView) }), ...problems },
      },
    },
    async ({ params }) => {
      const explanations = [];
      for await (const [, explanation] of ctx.stores.explanations.entries(`${params.request}/`)) {
        const { salt: _salt, policyDigest: _digest, ...view } = explanation;
        const stops = stopViews(stopsOf(view.verdicts as readonly Verdict[]));
        explanations.push({ ...view, reasons: [...view.reasons], verdicts: [...view.verdicts], stops });
      }
      return { explanations };
    },
  );
}

export const unknownRequest = (id: string) =>
  new RequestError("ERR_REQUEST_UNKNOWN", `request ${id}: not known to this node`);
