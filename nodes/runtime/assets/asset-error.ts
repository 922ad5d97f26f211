import type { Problem } from "../../../policies/model/problem.ts";

/** What the asset desk refuses besides the catalogue's own checks. */
export const ASSET_ERRORS = [
  "ERR_ASSET_UNKNOWN",
  "ERR_ASSET_SOURCE_FORBIDDEN",
  "ERR_ASSET_POLICY_INVALID",
  "ERR_ASSET_POLICY_UNCHANGED",
  "ERR_ASSET_POLICY_PERSONS",
  "ERR_ASSET_NO_POLICY",
  "ERR_ASSET_NO_PRIVACY",
  "ERR_ASSET_NOT_LISTED",
] as const;

export class AssetError extends Error {
  override readonly name = "AssetError";
  readonly code: (typeof ASSET_ERRORS)[number];
  readonly problems: readonly Problem[];

  constructor(code: (typeof ASSET_ERRORS)[number], message: string, problems: readonly Problem[] = []) {
    super(message);
    this.code = code;
    this.problems = problems;
  }
}
