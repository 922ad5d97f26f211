import { Type } from "typebox";
import { AssetId, Code, closed, literals, Uuid } from "../../../../chaincode/rules/vocabulary.ts";
import { approveRequest } from "../../../../exchange/requests/decide-request.ts";
import { cancelRequest } from "../../../../exchange/requests/submit.ts";
import type { Context } from "../../../computations/context.ts";
import { createKeyedLock } from "../../../computations/keyed-lock.ts";
import { providerPorts } from "../../../computations/provider.ts";
import type { RequestDriver } from "../../../computations/request-driver.ts";
import type { ExchangeService } from "../../../computations/service.ts";
import type { HttpApp } from "../../http-app.ts";
import { Done, problems, ReasonBody } from "../../schemas.ts";
import { RequestParameters } from "./schemas.ts";

export function cancel(app: HttpApp, ctx: Context): void {
  app.post(
    "/api/v1/requests/:request/cancel",
    {
      schema: {
        summary: "Cancels an own request",
        params: RequestParameters,
        body: ReasonBody,
        response: { 200: Done, ...problems },
      },
    },
    async ({ params, body }) => {
      const ports = { ...ctx.party, directory: ctx.facts, stores: ctx.stores };
      await cancelRequest(ports, params.request, body.reason);
      return { done: true as const };
    },
  );
}

export function decide(
  app: HttpApp,
  ctx: Context,
  { requests, negotiating }: Pick<ExchangeService, "requests" | "negotiating">,
): void {
  // Two words at the same time would both be kept, and only one of them recorded.
  const oneAtATime = createKeyedLock();
  app.post(
    "/api/v1/requests/:request/decisions",
    {
      schema: {
        summary: "The steward's word on a request that waits for a person",
        params: RequestParameters,
        body: closed({
          asset: AssetId,
          outcome: literals(["approved", "refused"]),
          reason: Type.Optional(Code),
        }),
        response: {
          200: closed({ outcome: literals(["permit", "refuse", "wait"]), reasons: Type.Array(Code) }),
          ...problems,
        },
      },
    },
    async ({ params, body, operator }) => {
      const { asset, outcome, reason } = body;
      const verdict = { outcome, by: operator, ...(reason === undefined ? {} : { reason }) };
      const explanation = await oneAtATime(`${params.request}/${asset}`, () =>
        approveRequest(providerPorts(ctx, negotiating, 0), params.request, asset, verdict),
      );
      requests.poke(params.request);
      return { outcome: explanation.outcome, reasons: [...explanation.reasons] };
    },
  );
}

export function open(app: HttpApp, requests: Pick<RequestDriver, "open">): void {
  app.post(
    "/api/v1/requests/:request/open",
    {
      schema: {
        summary: "Opens a computation now, on the agreements that stand",
        params: RequestParameters,
        response: { 201: closed({ computation: Uuid }), ...problems },
      },
    },
    async ({ params }, reply) => reply.code(201).send({ computation: await requests.open(params.request) }),
  );
}
