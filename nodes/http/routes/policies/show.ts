import { Count, closed, Digest } from "../../../../chaincode/rules/vocabulary.ts";
import { Policy, policyDigest } from "../../../../policies/model/policy.ts";
import { AssetError } from "../../../runtime/assets/asset-error.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { problems } from "../../schemas.ts";
import { AssetParameters } from "../assets/schemas.ts";

export function showPolicy(app: HttpApp, deps: Pick<NodeServices, "assets">): void {
  app.get(
    "/api/v1/assets/:asset/policy",
    {
      schema: {
        summary: "The policy in force of an own asset",
        params: AssetParameters,
        response: { 200: closed({ policy: Policy, digest: Digest, version: Count }), ...problems },
      },
    },
    async (request) => {
      const { asset } = request.params;
      const found = await deps.assets.find(asset);
      if (found === undefined)
        throw new AssetError("ERR_ASSET_UNKNOWN", `asset: ${asset} is not registered on this node`);
      const { policy, policyVersion } = found;
      if (policy === undefined)
        throw new AssetError("ERR_ASSET_NO_POLICY", `asset: ${asset} has no policy; nobody has access`);
      return { policy, digest: policyDigest(policy), version: policyVersion };
    },
  );
}
