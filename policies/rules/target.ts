import type { Finding, Rule } from "../model/verdict.ts";
import { refuse, unless } from "./finding.ts";

/** Policy, asset and request are about the same thing, and the asset is this provider's. */
export const target: Rule = {
  id: "target",
  evaluate({ terms, request, asset, context }) {
    const refusals: Finding[] = [];
    if (terms.asset !== asset.id) {
      refusals.push(refuse("policy-of-another-asset", { policy: terms.asset, asset: asset.id }));
    }
    if (terms.provider !== asset.provider || context.provider.id !== asset.provider) {
      const compared = { policy: terms.provider, asset: asset.provider, provider: context.provider.id };
      refusals.push(refuse("policy-of-another-provider", compared));
    }
    if (!request.assets.includes(asset.id)) {
      refusals.push(refuse("asset-not-requested", { asset: asset.id, requested: request.assets }));
    }
    return unless(refusals, "target-matches", { asset: asset.id });
  },
};
