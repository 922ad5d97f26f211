import { Type } from "typebox";
import { AssetId, Count, closed } from "../../../../chaincode/rules/vocabulary.ts";
import { parsePolicy } from "../../../../policies/model/parse-policy.ts";
import { SILENT } from "../../../../policies/model/privacy-terms.ts";
import { costFor, epsilonOf } from "../../../../policies/privacy/accountant.ts";
import { privacyOf } from "../../../computations/ledger-facts.ts";
import { AssetError } from "../../../runtime/assets/asset-error.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { problems } from "../../schemas.ts";
import { AssetParameters } from "./schemas.ts";

/** ε at `delta`, rounded up at the sixth digit; costs in billionths of ρ. */
export const PrivacyView = closed({
  asset: AssetId,
  delta: Type.String(),
  accounts: Type.Array(closed({ account: AssetId, budget: Count, spent: Count })),
  budget: Type.String(),
  spent: Type.String(),
  left: Type.String(),
  /** Of an asset of this node: what a release costs at most, and what is spent after one more; null: none is left. */
  next: Type.Optional(closed({ epsilon: Type.String(), spent: Type.Union([Type.String(), Type.Null()]) })),
});

/** Read from the ledger: of any asset with an account. */
export function showPrivacy(app: HttpApp, deps: Pick<NodeServices, "assets" | "ledger">): void {
  app.get(
    "/api/v1/assets/:asset/privacy",
    {
      schema: {
        summary: "Privacy budget of an asset: in all, spent, and left",
        params: AssetParameters,
        response: { 200: PrivacyView, ...problems },
      },
    },
    async (request) => {
      const { asset } = request.params;
      const found = await privacyOf(deps.ledger, asset);
      if (found === undefined) throw new AssetError("ERR_ASSET_NO_PRIVACY", `asset: ${asset} has no privacy account`);
      const own = await deps.assets.find(asset);
      const parsed = own?.policy === undefined ? undefined : parsePolicy(own.policy);
      const terms = parsed?.ok === true ? parsed.terms.privacy : undefined;
      const delta = terms?.delta ?? SILENT.delta;
      const text = (cost: number) => String(Math.ceil(epsilonOf(cost, Number(delta)) * 1e6) / 1e6);
      const scarcest = found.accounts.find(({ budget, spent }) => Math.max(0, budget - spent) === found.left)!;
      const cost = terms && costFor(Number(terms.epsilon), Number(delta));
      return {
        asset,
        delta,
        accounts: found.accounts.map(({ id, budget, spent }) => ({ account: id, budget, spent })),
        budget: text(scarcest.budget),
        spent: text(scarcest.spent),
        left: text(found.left),
        ...(terms === undefined || cost === undefined
          ? {}
          : { next: { epsilon: terms.epsilon, spent: cost > found.left ? null : text(scarcest.spent + cost) } }),
      };
    },
  );
}
