/** Encrypted queries over `peer/v1`, and for the operator of the node that asks. */
import { Type } from "typebox";
import { Code, closed } from "../../chaincode/rules/vocabulary.ts";
import { AnsweredQuery, AskedQuery, MOST_LISTS } from "../../ledger/audit/query-statements.ts";
import type { Context } from "../computations/context.ts";
import type { HttpApp } from "../http/http-app.ts";
import { RequestParameters } from "../http/routes/requests/schemas.ts";
import { problems } from "../http/schemas.ts";
import { createAnswering } from "./answering.ts";
import { createAsking, type QueryResult } from "./asking.ts";
import { QUERY_CALL_BYTES, QueryCall, QueryReply } from "./messages.ts";

const AskedFigures = closed({
  figures: Type.Array(
    closed({
      id: Code,
      terms: Type.Array(
        closed({
          group: Type.Record(Code, Code, { additionalProperties: false, maxProperties: 3 }),
          measure: Code,
          weight: Type.String({ pattern: "^-?(0|[1-9]\\d{0,11})(\\.\\d{1,6})?$", maxLength: 20 }),
        }),
        { minItems: 1, maxItems: 8192 },
      ),
    }),
    { minItems: 1, maxItems: MOST_LISTS },
  ),
});
const ResultView = closed({
  number: Type.Integer(),
  figures: Type.Array(
    closed({
      id: Code,
      value: Type.Union([Type.String(), Type.Null()]),
      /** No sum of cells within their declared bounds: the provider has answered something else. */
      impossible: Type.Optional(Type.Literal(true)),
    }),
  ),
  query: AskedQuery,
  answer: AnsweredQuery,
});

/** Sent as the canonical text that it is, so that every byte counts. */
const Bundle = Type.Object({ body: Type.Unknown() });

const viewOf = ({ figures, ...rest }: QueryResult) => ({ ...rest, figures: [...figures] });

export function addQueryPeerRoutes(app: HttpApp, ctx: Context): void {
  const answering = createAnswering(ctx);
  app.post(
    "/peer/v1/requests/:request/queries",
    {
      bodyLimit: QUERY_CALL_BYTES,
      schema: { params: RequestParameters, body: QueryCall, response: { 200: QueryReply, ...problems } },
    },
    async ({ params, author, body }) => await answering.answer(author, params.request, body),
  );
}

export function addQueryApi(app: HttpApp, ctx: Context): void {
  const asking = createAsking(ctx);
  app.post(
    "/api/v1/requests/:request/queries",
    {
      schema: {
        summary: "Asks the provider for sums of its cells with coefficients that it does not learn",
        params: RequestParameters,
        body: AskedFigures,
        response: { 200: ResultView, ...problems },
      },
    },
    async ({ params, body }) => viewOf(await asking.ask(params.request, body.figures)),
  );
  app.get(
    "/api/v1/requests/:request/queries",
    {
      schema: {
        summary: "What own encrypted queries gave, with both sides' signed statements",
        params: RequestParameters,
        response: { 200: closed({ queries: Type.Array(ResultView) }), ...problems },
      },
    },
    async ({ params }) => ({ queries: (await asking.list(params.request)).map(viewOf) }),
  );
  app.get(
    "/api/v1/requests/:request/queries/evidence",
    {
      schema: {
        summary: "Evidence of own encrypted queries: verify it offline with `sealane audit verify`",
        params: RequestParameters,
        response: { 200: Bundle, ...problems },
      },
    },
    async ({ params }, reply) =>
      reply.header("content-type", "application/json").send((await asking.evidence(params.request)) as never),
  );
}
