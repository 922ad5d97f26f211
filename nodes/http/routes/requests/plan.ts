import { type Static, Type } from "typebox";
import { AssetId, Code, Count, closed, literals, SuiteId } from "../../../../chaincode/rules/vocabulary.ts";
import { LEFT_OUT_REASONS } from "../../../../exchange/computations/cohort.ts";
import { ALONE_KINDS } from "../../../../exchange/planner/alone.ts";
import { PLAN_REASONS } from "../../../../exchange/planner/plan.ts";
import type { RequestDraft } from "../../../../exchange/requests/submit.ts";
import { METHODS } from "../../../../policies/model/request.ts";
import type { Context } from "../../../computations/context.ts";
import { planDraft } from "../../../computations/planning.ts";
import type { HttpApp } from "../../http-app.ts";
import { HttpError } from "../../http-error.ts";
import { judgedLater } from "../../openapi.ts";
import { problems } from "../../schemas.ts";
import { Draft } from "./submit.ts";

const Providers = Type.Array(
  closed({
    asset: AssetId,
    outcome: literals(["permit", "wait", "refuse", "unknown"]),
    reasons: Type.Array(Type.String()),
    refusals: Type.Optional(
      Type.Array(closed({ reason: Type.String(), compared: Type.Record(Type.String(), Type.Unknown()) })),
    ),
  }),
);
const Problem = closed({ field: Type.String(), code: Code, detail: Type.Optional(Type.String()) });
const LeftOutView = Type.Array(closed({ asset: AssetId, reason: literals(LEFT_OUT_REASONS) }));

/** `refused`: why nothing could be opened. `planned`: the rest. */
const PlanView = closed({
  outcome: literals(["planned", "refused"]),
  providers: Providers,
  leftOut: LeftOutView,
  problems: Type.Optional(Type.Array(Problem)),
  protocol: Type.Optional(
    closed({
      cells: literals(["registry", "counted"]),
      method: literals(METHODS),
      parameters: Type.Optional(Code),
      graph: literals(["complete", "neighbours"]),
      suite: SuiteId,
    }),
  ),
  because: Type.Optional(Type.Array(literals(PLAN_REASONS))),
  members: Type.Optional(Count),
  need: Type.Optional(Count),
  atoms: Type.Optional(Count),
  words: Type.Optional(Count),
  estimate: Type.Optional(
    closed({
      bytes: closed({ member: closed({ sent: Count, received: Count }), receiver: Count, total: Count }),
      /** Of processors, on this machine. */
      seconds: closed({ member: Type.Number(), total: Type.Number() }),
    }),
  ),
  /** Where policies want noise: of each sum in a cell, one standard error in its unit. */
  privacy: Type.Optional(
    closed({
      epsilon: Type.String(),
      delta: Type.String(),
      errors: Type.Array(
        closed({
          of: literals(["units", "rows", "sum"]),
          element: Type.Optional(Code),
          unit: Type.Optional(Code),
          standardError: Type.Number(),
        }),
      ),
    }),
  ),
  /** In place of a protocol over a cohort: of all figures one by one, or of one join. */
  alone: Type.Optional(
    closed({
      kind: literals(ALONE_KINDS),
      estimate: closed({
        bytes: closed({ requester: Count, provider: Count, total: Count }),
        seconds: Type.Number(),
      }),
    }),
  ),
});
export type PlanView = Static<typeof PlanView>;

export function plan(app: HttpApp, ctx: Context): void {
  app.post(
    "/api/v1/requests/plan",
    {
      schema: {
        summary:
          "Which protocol a draft would run by, why, and what it would cost; nothing is filed or asked of anyone",
        body: judgedLater(Draft),
        response: { 200: PlanView, ...problems },
      },
      config: { readOnlySafe: true },
    },
    async ({ body }) => {
      if (typeof body !== "object" || body === null || Array.isArray(body)) {
        throw new HttpError("ERR_HTTP_INVALID", "body: expected a data request as a JSON object", {
          problems: [{ field: "body", code: "body-not-object", parameters: {} }],
        });
      }
      return (await planDraft(ctx, body as RequestDraft)) as PlanView;
    },
  );
}
