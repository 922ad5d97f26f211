import { Type } from "typebox";
import { Code, closed, Digest, Uuid } from "../../../../chaincode/rules/vocabulary.ts";
import { RequestError } from "../../../../exchange/requests/errors.ts";
import { ResultDocument } from "../../../../ledger/audit/result.ts";
import type { Context } from "../../../computations/context.ts";
import { evidenceText, fetchResult } from "../../../computations/requester.ts";
import type { HttpApp } from "../../http-app.ts";
import { problems } from "../../schemas.ts";
import { RequestParameters } from "../requests/schemas.ts";

const ResultView = closed({
  request: Uuid,
  computation: Uuid,
  outcome: Type.Union([
    closed({ kind: Type.Literal("released"), document: ResultDocument }),
    closed({ kind: Type.Literal("withheld"), reasons: Type.Array(Code) }),
  ]),
  /** Digest of the verified evidence bundle. */
  evidence: Type.Optional(Digest),
});

export function showResult(app: HttpApp, ctx: Context): void {
  app.get(
    "/api/v1/requests/:request/result",
    {
      schema: {
        summary: "What came out of an own request, with verified evidence",
        params: RequestParameters,
        response: { 200: ResultView, ...problems },
      },
    },
    async ({ params }) => {
      const life = await endedLife(ctx, params.request);
      if (life.name === "withheld") {
        return {
          request: params.request,
          computation: life.computation,
          outcome: { kind: "withheld" as const, reasons: [...life.reasons] },
        };
      }
      const { record, evidence } = await fetchResult(ctx, life.computation);
      const { outcome } = record;
      if (outcome.kind !== "released") throw noResult(params.request, "withheld");
      return {
        request: params.request,
        computation: life.computation,
        outcome: { kind: "released" as const, document: outcome.result.document },
        evidence: evidence.statement.statement.evidence,
      };
    },
  );
}

/** Sent as the canonical text that it is, so that every byte counts. */
const Bundle = Type.Object({ body: Type.Unknown(), statement: Type.Unknown() });

export function showEvidence(app: HttpApp, ctx: Context): void {
  app.get(
    "/api/v1/requests/:request/evidence",
    {
      schema: {
        summary: "The evidence bundle: verify it offline with `sealane audit verify`",
        params: RequestParameters,
        response: { 200: Bundle, ...problems },
      },
    },
    async ({ params }, reply) => {
      const life = await endedLife(ctx, params.request);
      const { evidence } = await fetchResult(ctx, life.computation);
      return reply.header("content-type", "application/json").send(evidenceText(evidence) as never);
    },
  );
}

async function endedLife(ctx: Context, request: string) {
  const known = await ctx.stores.lives.get(request);
  if (known === undefined) throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${request}: not known to this node`);
  const { life } = known;
  if (life.name !== "released" && life.name !== "withheld") throw noResult(request, life.name);
  if (life.requester !== ctx.services.member && life.receiver !== ctx.services.member) {
    throw new RequestError(
      "ERR_REQUEST_FORBIDDEN",
      `request ${request}: only its requester and receiver have the result`,
    );
  }
  return life;
}

const noResult = (request: string, state: string) =>
  new RequestError("ERR_REQUEST_NO_RESULT", `request ${request}: ${state}; there is no result`);
