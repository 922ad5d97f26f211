/** One provider's part of a layout: a SELECT for its own source, and its rows turned into the layout's vector. */
import type { Asset } from "../../policies/model/asset.ts";
import type { Layout } from "./layout.ts";
import type { SourceRow, SqlQuery } from "./source.ts";

/** Throws StatisticsError (ERR_STATISTICS_ASSET) where `asset` is not the version the layout was compiled from. */
export function compileSql(_layout: Layout, _asset: Asset): SqlQuery {
  throw new Error("not yet");
}

export interface LocalStatistics {
  /** The full vector of the layout, two's complement words. */
  readonly values: BigUint64Array;
  /** Per atom: 1 where this organisation's contribution to every component is non-zero, else 0 (phase 1). */
  readonly contributes: Uint8Array;
  /** Per atom: distinct statistical units (phase 1, before the cap w). */
  readonly units: Float64Array;
  /** Rows seen, and rows left out of some component, by field name; reported, never silently clipped. */
  readonly rows: number;
  readonly nulls: Readonly<Record<string, number>>;
  readonly outOfBounds: Readonly<Record<string, number>>;
}

/**
 * `attributes` are the member's own registry attributes: they fix the digits of registry dimensions. An attribute
 * outside the domain gives all zeros.
 */
export function localStatistics(
  _layout: Layout,
  _asset: Asset,
  _rows: readonly SourceRow[],
  _attributes: Readonly<Record<string, string>>,
): LocalStatistics {
  throw new Error("not yet");
}
