/** Harmonisation: one common unit and scale per numeric element, reached from every asset by an exact integer factor. */
import type { Asset, Field } from "../../policies/model/asset.ts";
import { StatisticsError } from "./errors.ts";
import type { LayoutElement } from "./layout.ts";
import { conversionFactor } from "./units.ts";

const MAX_COMMON_SCALE = 18;

/** The asset's field for a data element. Throws where there is none, or more than one. */
export function fieldOf(asset: Asset, element: string): Field {
  const fields = asset.fields.filter((field) => field.element === element);
  if (fields.length === 1) return fields[0]!;
  throw new StatisticsError(
    "ERR_STATISTICS_ELEMENT",
    element,
    `asset ${asset.id} has ${fields.length} fields for this data element, expected exactly one`,
  );
}

export function numericFieldOf(asset: Asset, element: string): Field & { readonly scale: number } {
  const field = fieldOf(asset, element);
  if (field.type !== "decimal" && field.type !== "integer") {
    throw new StatisticsError(
      "ERR_STATISTICS_ELEMENT",
      element,
      `asset ${asset.id} holds it as ${field.type}, expected decimal or integer`,
    );
  }
  if (field.bounds === undefined) {
    throw new StatisticsError("ERR_STATISTICS_ELEMENT", element, `asset ${asset.id} declares no bounds for it`);
  }
  return { ...field, scale: field.type === "integer" ? 0 : (field.scale ?? 0) };
}

/** Decimal text to an integer at `scale`; `toward` decides about digits beyond the scale. */
export function scaledInteger(decimal: string, scale: number, toward: "down" | "up" | "exact"): bigint | undefined {
  const negative = decimal.startsWith("-");
  const [whole = "0", fraction = ""] = decimal.replace(/^[+-]/, "").split(".");
  const kept = BigInt(whole + fraction.slice(0, scale).padEnd(scale, "0"));
  const rest = /[1-9]/.test(fraction.slice(scale));
  if (rest && toward === "exact") return undefined;
  const magnitude = rest && (toward === "up") !== negative ? kept + 1n : kept;
  return negative ? -magnitude : magnitude;
}

/** Bounds of a field as integers at its own scale: the smallest range that holds every representable value. */
export function boundsOf(field: Field & { readonly scale: number }): {
  readonly minimum: bigint;
  readonly maximum: bigint;
} {
  return {
    minimum: scaledInteger(field.bounds!.minimum, field.scale, "up")!,
    maximum: scaledInteger(field.bounds!.maximum, field.scale, "down")!,
  };
}

/** Integer by which this field's own scaled integers become integers of the common form. */
export function multiplierOf(field: Field & { readonly scale: number }, common: LayoutElement): bigint | undefined {
  const factor = conversionFactor(field.unit ?? null, common.unit);
  if (factor === undefined) return undefined;
  const numerator = factor.numerator * 10n ** BigInt(common.scale);
  const denominator = factor.denominator * 10n ** BigInt(field.scale);
  return numerator % denominator === 0n ? numerator / denominator : undefined;
}

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);

/** `wanted` is the unit a measure states the element in; needed only where the assets' units differ. */
export function harmonise(element: string, assets: readonly Asset[], wanted: string | undefined): LayoutElement {
  const fields = assets.map((asset) => ({ asset, field: numericFieldOf(asset, element) }));
  const units = new Set(fields.map(({ field }) => field.unit ?? null));
  if (units.size > 1 && wanted === undefined) {
    throw new StatisticsError(
      "ERR_STATISTICS_UNIT",
      element,
      `assets hold it in ${[...units].join(", ")}: name the unit of the result in the measure`,
    );
  }
  const unit = units.size === 1 ? [...units][0]! : wanted!;
  let scale = 0;
  let bound = 0n;
  const multipliers = fields.map(({ asset, field }) => {
    for (let candidate = 0; candidate <= MAX_COMMON_SCALE; candidate++) {
      if (multiplierOf(field, { element, unit, scale: candidate, bound: "0" }) !== undefined) {
        return { field, scale: candidate };
      }
    }
    throw new StatisticsError(
      "ERR_STATISTICS_UNIT",
      element,
      `asset ${asset.id} holds it in ${field.unit ?? "no unit"}, and no exact factor to ${unit ?? "no unit"} is declared`,
    );
  });
  for (const entry of multipliers) scale = Math.max(scale, entry.scale);
  for (const { field } of multipliers) {
    const { minimum, maximum } = boundsOf(field);
    const multiplier = multiplierOf(field, { element, unit, scale, bound: "0" })!;
    for (const end of [magnitude(minimum) * multiplier, magnitude(maximum) * multiplier]) {
      if (end > bound) bound = end;
    }
  }
  return { element, unit, scale, bound: bound.toString() };
}
