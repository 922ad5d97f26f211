import { Type } from "typebox";
import { closed, literals } from "../../../../chaincode/rules/vocabulary.ts";
import type { AgreementRecord } from "../../../../exchange/requests/agreement-record.ts";
import { decisionContext, withBudgetOf } from "../../../../exchange/requests/decide-request.ts";
import { decide } from "../../../../policies/engine/decide.ts";
import { type Stop, stopsOf } from "../../../../policies/engine/stops.ts";
import type { Policy } from "../../../../policies/model/policy.ts";
import { DataRequest } from "../../../../policies/model/request.ts";
import { AGREED_TERMS, createAssetUses } from "../../../computations/asset-uses.ts";
import { createLedgerFacts } from "../../../computations/ledger-facts.ts";
import { appealEndOf } from "../../../policies/request-deadlines.ts";
import { AssetError } from "../../../runtime/assets/asset-error.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { problems } from "../../schemas.ts";
import { AssetParameters } from "../assets/schemas.ts";

const Verdict = closed({
  rule: Type.String(),
  verdict: Type.String(),
  reason: Type.String(),
  compared: Type.Record(Type.String(), Type.Unknown()),
});
/** What has to change before the request is permitted. */
export const StopView = closed({
  rule: Type.String(),
  verdict: literals(["refuse", "wait"]),
  reason: Type.String(),
  columns: Type.Array(Type.String()),
  terms: Type.Array(Type.String()),
});
export const stopViews = (stops: readonly Stop[]) =>
  stops.map((stop) => ({ ...stop, columns: [...stop.columns], terms: [...stop.terms] }));

const Explained = closed({
  outcome: Type.String(),
  reasons: Type.Array(Type.String()),
  verdicts: Type.Array(Verdict),
  stops: Type.Array(StopView),
});

type Deps = Pick<NodeServices, "assets" | "config" | "identity" | "ledger" | "now" | "openStore">;

/** What the policy in force, or another one, would say to one request now. Nothing is recorded. */
export function explainPolicy(app: HttpApp, deps: Deps): void {
  app.post(
    "/api/v1/assets/:asset/policy/explain",
    {
      schema: {
        summary: "What a policy would decide on a data request, and why",
        params: AssetParameters,
        body: closed({ request: DataRequest, policy: Type.Optional(Type.Unknown()) }),
        response: { 200: Explained, ...problems },
      },
      config: { readOnlySafe: true },
    },
    async (request) => {
      const { asset } = request.params;
      const own = await deps.assets.find(asset);
      if (own === undefined)
        throw new AssetError("ERR_ASSET_UNKNOWN", `asset: ${asset} is not registered on this node`);
      const { request: asked } = request.body;
      const policy = (request.body.policy as Policy | undefined) ?? own.policy;
      const ports = {
        directory: withBudgetOf(createLedgerFacts(deps.ledger), policy),
        identity: deps.identity,
        now: deps.now,
        appealEnd: appealEndOf(deps.config()),
        usesSoFar: createAssetUses(deps.ledger, deps.openStore<AgreementRecord>(AGREED_TERMS)).of,
      };
      const about = { asset: own.asset, policy };
      const decision = decide(policy, asked, own.asset, await decisionContext(ports, asked, about, undefined));
      return {
        outcome: decision.outcome,
        reasons: [...decision.reasons],
        verdicts: decision.verdicts.map(({ rule, verdict, reason, compared }) => ({
          rule,
          verdict,
          reason,
          compared: { ...compared },
        })),
        stops: stopViews(stopsOf(decision.verdicts)),
      };
    },
  );
}
