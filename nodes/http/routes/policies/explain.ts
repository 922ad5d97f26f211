import { Type } from "typebox";
import { readNetwork } from "../../../../chaincode/rules/keys.ts";
import { closed } from "../../../../chaincode/rules/vocabulary.ts";
import type { AgreementRecord } from "../../../../exchange/requests/agreement-record.ts";
import { QUANTITIES } from "../../../../exchange/statistics/units.ts";
import { decide } from "../../../../policies/engine/decide.ts";
import type { Policy } from "../../../../policies/model/policy.ts";
import { DataRequest } from "../../../../policies/model/request.ts";
import { AGREED_TERMS, createAssetUses } from "../../../computations/asset-uses.ts";
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
const Explained = closed({
  outcome: Type.String(),
  reasons: Type.Array(Type.String()),
  verdicts: Type.Array(Verdict),
});

type Deps = Pick<NodeServices, "assets" | "ledger" | "member" | "members" | "now" | "openStore">;

/** The simulator: what the policy in force, or another one, would say to a request. Nothing is recorded. */
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
      const policy = (request.body.policy as Policy | undefined) ?? own.policy;
      const decision = decide(
        policy,
        request.body.request,
        own.asset,
        await contextOf(deps, asset, request.body.request),
      );
      return {
        outcome: decision.outcome,
        reasons: [...decision.reasons],
        verdicts: decision.verdicts.map(({ rule, verdict, reason, compared }) => ({
          rule,
          verdict,
          reason,
          compared: { ...compared },
        })),
      };
    },
  );
}

async function contextOf(deps: Deps, asset: string, request: DataRequest) {
  const network = await readNetwork(deps.ledger);
  const facts = async (member: string) => {
    const found = await deps.members.find(member);
    if (found?.status !== "active") return undefined;
    const { id, kind, holdingGroup } = found.record;
    return { id, kind, holdingGroup };
  };
  const roles = {
    provider: deps.member,
    requester: request.requester,
    receiver: request.receiver,
    coordinator: request.coordinator,
    sequencer: network?.sequencer ?? "",
  };
  const known = await Promise.all(Object.entries(roles).map(async ([role, id]) => [role, await facts(id)] as const));
  return {
    ...Object.fromEntries(known.filter(([, found]) => found !== undefined)),
    now: deps.now(),
    usesSoFar: await createAssetUses(deps.ledger, deps.openStore<AgreementRecord>(AGREED_TERMS)).of(asset),
    attributes: network?.attributes ?? {},
    quantities: { ...QUANTITIES },
  };
}
