/** From a query and the metadata of the cohort's assets to a layout. Pure: equal inputs give equal bytes everywhere. */
import type { Asset } from "../../policies/model/asset.ts";
import type { Query } from "../../policies/model/query.ts";
import type { Layout } from "./layout.ts";

export interface LayoutInputs {
  readonly query: Query;
  /** Metadata of every cohort asset, any order. */
  readonly assets: readonly Asset[];
  /** Code tables of the registry attributes (network.found). */
  readonly attributes: Readonly<Record<string, readonly string[]>>;
}

/** Throws StatisticsError; nothing is ever wrapped, clipped or converted by guesswork. */
export function compileLayout(_inputs: LayoutInputs): Layout {
  throw new Error("not yet");
}
