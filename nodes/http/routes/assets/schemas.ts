import { Type } from "typebox";
import { AssetId, Count, closed, literals } from "../../../../chaincode/rules/vocabulary.ts";
import { Asset } from "../../../../policies/model/asset.ts";
import { Policy } from "../../../../policies/model/policy.ts";
import type { OwnAsset } from "../../../runtime/assets/own-assets.ts";
import { Remarks } from "./remarks.ts";

/** Never the source: where a table lies stays inside the node. */
export const OwnAssetView = closed({
  asset: Asset,
  state: literals(["registering", "registered", "withdrawn"]),
  policy: Type.Union([Policy, Type.Null()]),
  policyVersion: Count,
});

/** `remarks`: names of the policy that nothing answers to. */
export const RemarkedView = closed({ ...OwnAssetView.properties, remarks: Remarks });
export const RegisteredView = closed({ ...RemarkedView.properties, unchanged: Type.Boolean() });

export const AssetParameters = closed({ asset: AssetId });

export const viewOf = ({ asset, state, policy, policyVersion }: OwnAsset) => ({
  asset,
  state,
  policy: policy ?? null,
  policyVersion,
});
