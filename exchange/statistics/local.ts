/** The rows of the compiled SELECT turned into this organisation's vector. */
import type { Asset } from "../../policies/model/asset.ts";
import { multiplierOf, numericFieldOf, scaledInteger } from "./elements.ts";
import { StatisticsError } from "./errors.ts";
import { type Layout, layoutWords } from "./layout.ts";
import type { SourceRow } from "./source.ts";
import { planAsset } from "./sql.ts";
import { writeElement } from "./vector.ts";

export interface LocalStatistics {
  /** The full vector of the layout, two's complement words. */
  readonly values: BigUint64Array;
  /** Per atom: 1 where this organisation's contribution to every component is non-zero, else 0 (phase 1). */
  readonly contributes: Uint8Array;
  /** Per atom: distinct statistical units (phase 1, before the cap w). */
  readonly units: Float64Array;
  /** Rows of the whole source, and by field name what was left out; reported, never silently clipped. */
  readonly rows: number;
  readonly nulls: Readonly<Record<string, number>>;
  readonly outOfBounds: Readonly<Record<string, number>>;
}

/**
 * `attributes` are the member's own registry attributes: they fix the digits of registry dimensions. An attribute
 * outside its domain gives all zeros. Throws ERR_STATISTICS_SOURCE where the source no longer fits its registration.
 */
export function localStatistics(
  layout: Layout,
  asset: Asset,
  rows: readonly SourceRow[],
  attributes: Readonly<Record<string, string>>,
): LocalStatistics {
  const plan = planAsset(layout, asset);
  const scales = componentScales(layout, asset);
  const digits = layout.domains.map((domain) => new Map(domain.codes.map((code, i) => [code, i])));
  const values = new BigUint64Array(layoutWords(layout));
  const contributes = new Uint8Array(layout.atoms);
  const units = new Float64Array(layout.atoms);
  const counts = { rows: 0, nulls: {} as Record<string, number>, outOfBounds: {} as Record<string, number> };

  for (const row of rows) {
    counts.rows += count(row, "cell_rows");
    for (const { index, field } of plan.used) {
      const [texts, fitting, valid] = [count(row, `t${index}`), count(row, `p${index}`), count(row, `v${index}`)];
      counts.nulls[field.name] = (counts.nulls[field.name] ?? 0) + count(row, "cell_rows") - texts;
      counts.outOfBounds[field.name] = (counts.outOfBounds[field.name] ?? 0) + fitting - valid;
      const invalid = texts - fitting;
      if (invalid > 0) throw changed(field.name, `${invalid} values do not fit its declared type, scale or code table`);
    }
    if (row.kept !== "true") continue;
    const atom = atomOf(layout, digits, row, attributes);
    if (atom === undefined) continue;
    units[atom] = plan.unitField === null ? 1 : count(row, "cell_units");
    let at = atom * layout.wordsPerAtom;
    let nonZero = true;
    for (const [i, component] of layout.components.entries()) {
      const value = scaledInteger(text(row, `k${i}`), scales[i]!.scale, "exact")! * scales[i]!.multiplier;
      nonZero &&= value !== 0n;
      writeElement(values, at, component.words, value);
      at += component.words;
    }
    contributes[atom] = nonZero ? 1 : 0;
  }
  if (counts.rows !== asset.quality.rows) {
    throw changed(asset.id, `registered with ${asset.quality.rows} rows, has ${counts.rows}`);
  }
  return { values, contributes, units, ...counts };
}

const changed = (field: string, message: string): StatisticsError =>
  new StatisticsError("ERR_STATISTICS_SOURCE", field, `${message}: the source changed, register it as a new version`);

interface ComponentScale {
  readonly scale: number;
  readonly multiplier: bigint;
}

/** Scale of each component's text in the engine's answer, and the factor to the common form. */
function componentScales(layout: Layout, asset: Asset): readonly ComponentScale[] {
  return layout.components.map(({ word }) => {
    let scale = 0;
    let multiplier = 1n;
    for (const factor of word.kind === "moment" ? word.factors : []) {
      const field = numericFieldOf(asset, factor);
      scale += field.scale;
      multiplier *= multiplierOf(field, layout.elements.find((element) => element.element === factor)!)!;
    }
    return { scale, multiplier };
  });
}

function atomOf(
  layout: Layout,
  digits: readonly ReadonlyMap<string, number>[],
  row: SourceRow,
  attributes: Readonly<Record<string, string>>,
): number | undefined {
  let column = 0;
  let atom = 0;
  for (const [i, domain] of layout.domains.entries()) {
    const code = domain.kind === "attribute" ? attributes[domain.name] : row[`d${column++}`];
    const digit = digits[i]!.get(code ?? "");
    if (digit === undefined) return undefined;
    atom = atom * domain.codes.length + digit;
  }
  return atom;
}

function text(row: SourceRow, column: string): string {
  const value = row[column];
  if (typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value)) return value;
  throw new StatisticsError("ERR_STATISTICS_SOURCE", column, `expected a decimal, got ${JSON.stringify(value)}`);
}

function count(row: SourceRow, column: string): number {
  const value = Number(text(row, column));
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new StatisticsError("ERR_STATISTICS_SOURCE", column, `expected a count, got ${JSON.stringify(row[column])}`);
}
