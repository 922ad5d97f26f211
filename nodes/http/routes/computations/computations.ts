import { Type } from "typebox";
import { readComputation, readComputations } from "../../../../chaincode/rules/keys.ts";
import { COMPUTATION_STATES, type ComputationState } from "../../../../chaincode/rules/records.ts";
import { Code, Count, closed, Instant, literals, MemberId, Uuid } from "../../../../chaincode/rules/vocabulary.ts";
import { ComputationError } from "../../../../exchange/computations/errors.ts";
import type { Context } from "../../../computations/context.ts";
import type { HttpApp } from "../../http-app.ts";
import { problems } from "../../schemas.ts";

const ComputationView = closed({
  computation: Uuid,
  request: Uuid,
  requester: MemberId,
  coordinator: MemberId,
  receiver: MemberId,
  mode: literals(["registry", "counted"]),
  state: literals(COMPUTATION_STATES),
  restarts: Count,
  openedAt: Instant,
  changedAt: Instant,
  reason: Type.Optional(Code),
  blamed: Type.Optional(MemberId),
  /** This node's roles in it. */
  roles: Type.Array(literals(["member", "coordinator", "receiver"])),
  /** Who sent what was refused, or broke the protocol, as this node saw it. */
  faults: Type.Array(closed({ member: MemberId, reason: Code, at: Instant })),
  /** Bytes of peer messages and milliseconds of work of this node since it started. */
  cost: closed({
    bytesSent: Count,
    bytesReceived: Count,
    steps: Type.Record(Type.String(), Type.Number()),
  }),
});

export function listComputations(app: HttpApp, ctx: Context): void {
  app.get(
    "/api/v1/computations",
    {
      schema: {
        summary: "Computations on the ledger, newest first",
        response: { 200: closed({ computations: Type.Array(ComputationView) }), ...problems },
      },
    },
    async () => {
      const states = await readComputations(ctx.services.ledger);
      const newest = states.sort((a, b) => b.opened.position - a.opened.position);
      return { computations: await Promise.all(newest.map((state) => viewOf(ctx, state))) };
    },
  );
}

export function showComputation(app: HttpApp, ctx: Context): void {
  app.get(
    "/api/v1/computations/:computation",
    {
      schema: {
        summary: "One computation",
        params: closed({ computation: Uuid }),
        response: { 200: ComputationView, ...problems },
      },
    },
    async ({ params }) => {
      const state = await readComputation(ctx.services.ledger, params.computation);
      if (state !== undefined) return await viewOf(ctx, state);
      throw new ComputationError("ERR_COMPUTATION_UNKNOWN", `computation ${params.computation}: not on the ledger`);
    },
  );
}

async function viewOf(ctx: Context, state: ComputationState) {
  const names = ["member", "coordinator", "receiver"] as const;
  const held = await Promise.all(names.map((name) => ctx.stores.roles.get(`${state.computation}/${name}`)));
  const { computation, request, requester, coordinator, receiver, mode, restarts, failure } = state;
  const faults = [];
  for await (const [, fault] of ctx.stores.faults.entries(`${state.computation}/`)) faults.push(fault);
  const { bytesSent, bytesReceived, steps } = ctx.gauges.of(computation);
  return {
    computation,
    request,
    requester,
    coordinator,
    receiver,
    mode,
    restarts,
    state: state.state,
    openedAt: state.opened.time,
    changedAt: state.changed.time,
    ...(failure === undefined ? {} : { reason: failure.reason }),
    ...(failure?.blamed === undefined ? {} : { blamed: failure.blamed }),
    faults,
    roles: names.filter((_name, index) => held[index] !== undefined),
    cost: { bytesSent, bytesReceived, steps: { ...steps } },
  };
}
