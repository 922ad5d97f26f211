/** What a data steward writes about a table; registration adds provider, version, quality and the source's digest. */
import { type Static, Type } from "typebox";
import { Asset } from "../../policies/model/asset.ts";

export const AssetDescription = Type.Omit(Asset, ["version", "provider", "quality", "sourceDigest"], {
  additionalProperties: false,
});
export type AssetDescription = Static<typeof AssetDescription>;
