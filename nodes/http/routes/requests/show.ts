import { Type } from "typebox";
import { AssetId, Code, closed, Instant, literals, Text } from "../../../../chaincode/rules/vocabulary.ts";
import { RequestError } from "../../../../exchange/requests/errors.ts";
import type { Context } from "../../../computations/context.ts";
import type { HttpApp } from "../../http-app.ts";
import { problems } from "../../schemas.ts";
import { RequestParameters, RequestView, viewOf } from "./schemas.ts";

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

export function showRequest(app: HttpApp, ctx: Pick<Context, "stores">): void {
  app.get(
    "/api/v1/requests/:request",
    {
      schema: { summary: "One request", params: RequestParameters, response: { 200: RequestView, ...problems } },
    },
    async ({ params }) => {
      const known = await ctx.stores.lives.get(params.request);
      if (known === undefined) throw unknownRequest(params.request);
      return viewOf(known.life, await ctx.stores.documents.get(params.request));
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
        explanations.push({ ...view, reasons: [...view.reasons], verdicts: [...view.verdicts] });
      }
      return { explanations };
    },
  );
}

export const unknownRequest = (id: string) =>
  new RequestError("ERR_REQUEST_UNKNOWN", `request ${id}: not known to this node`);
