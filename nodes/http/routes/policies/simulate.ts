import { Type } from "typebox";
import { AssetId, Count, closed, Instant, literals, MemberId, Uuid } from "../../../../chaincode/rules/vocabulary.ts";
import { simulatePolicy } from "../../../../exchange/requests/simulate.ts";
import { parsePolicy } from "../../../../policies/model/parse-policy.ts";
import { usesOf } from "../../../computations/asset-uses.ts";
import type { Context } from "../../../computations/context.ts";
import { appealEndOf } from "../../../policies/request-deadlines.ts";
import { AssetError } from "../../../runtime/assets/asset-error.ts";
import type { HttpApp } from "../../http-app.ts";
import { problems } from "../../schemas.ts";
import { StopView, stopViews } from "./explain.ts";

const Outcome = literals(["permit", "refuse", "wait"]);
const Said = { wouldBe: Outcome, reasons: Type.Array(Type.String()), stops: Type.Array(StopView) };

const SimulationView = closed({
  asset: AssetId,
  /** Decisions of this node on the asset that were judged again. */
  decisions: Count,
  changed: Type.Array(
    closed({
      request: Uuid,
      requester: MemberId,
      decidedAt: Instant,
      policyVersion: Count,
      decided: Outcome,
      ...Said,
    }),
  ),
  changes: Type.Array(closed({ decided: Outcome, wouldBe: Outcome, count: Count })),
  /** Agreements in force whose request still runs. They keep the policy version they were made under. */
  running: Count,
  agreements: Type.Array(
    closed({
      agreement: Uuid,
      request: Uuid,
      validUntil: Instant,
      ...Said,
      organisationsNeeded: closed({ before: Count, after: Count }),
      cells: Type.Array(
        closed({
          group: Type.Record(Type.String(), Type.String()),
          organisations: Count,
          change: literals(["withheld", "released"]),
        }),
      ),
    }),
  ),
});

/** The simulator: a policy that is not in force, over everything its asset was ever asked. Nothing is recorded. */
export function simulate(app: HttpApp, ctx: Context): void {
  app.post(
    "/api/v1/policies/simulate",
    {
      schema: {
        summary: "What a policy would have decided on past requests, and what it would change for running agreements",
        body: closed({ policy: Type.Unknown() }),
        response: { 200: SimulationView, ...problems },
      },
      config: { readOnlySafe: true },
    },
    async ({ body }) => {
      const parsed = parsePolicy(body.policy);
      if (!parsed.ok) {
        throw new AssetError("ERR_ASSET_POLICY_INVALID", `policy: ${parsed.problems.length} problems`, parsed.problems);
      }
      const asset = parsed.policy.target;
      const own = await ctx.assets.get(asset);
      if (own === undefined)
        throw new AssetError("ERR_ASSET_UNKNOWN", `asset: ${asset} is not registered on this node`);
      const ports = {
        directory: ctx.facts,
        identity: ctx.services.identity,
        stores: ctx.stores,
        agreements: ctx.stores.agreements,
        now: ctx.services.now,
        appealEnd: appealEndOf(ctx.services.config()),
        uses: (id: string) => usesOf(ctx.services.ledger, ctx.stores.agreements, id),
        agreementStands: ctx.facts.agreementStands,
      };
      const { changed, changes, agreements, ...counts } = await simulatePolicy(ports, own, parsed.policy);
      return {
        asset,
        ...counts,
        changed: changed.map((one) => ({ ...one, reasons: [...one.reasons], stops: stopViews(one.stops) })),
        changes: [...changes],
        agreements: agreements.map((one) => ({
          ...one,
          reasons: [...one.reasons],
          stops: stopViews(one.stops),
          cells: one.cells.map((cell) => ({ ...cell, group: { ...cell.group } })),
        })),
      };
    },
  );
}
