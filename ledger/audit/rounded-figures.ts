/** Figures that the policies want rounded are multiples of every base that is stated for them. */
import type { Static } from "typebox";
import type { OutputRules, ResultCell } from "./result.ts";

interface MeasureView {
  readonly id: string;
  readonly statistic: { readonly kind: string; readonly element?: string };
}
type Base = NonNullable<Static<typeof OutputRules>["rounding"]>[number];

/** The first base that a published count or sum is no multiple of. Means, ratios and quantiles are divided: theirs is not looked for. */
export function brokenBase(
  cell: ResultCell,
  measures: readonly MeasureView[],
  bases: readonly Base[],
): Base | undefined {
  const { value } = cell;
  const measure = measures.find(({ id }) => id === cell.measure);
  if (value === null || measure === undefined) return undefined;
  const { kind, element } = measure.statistic;
  const isCount = kind === "count" || kind === "histogram" || (kind === "quantile" && cell.part === "rows");
  if (!isCount && kind !== "sum") return undefined;
  const held = bases.filter((one) => (isCount ? one.element === undefined : one.element === element));
  // In another unit nothing is shown: the figure may not be published in it.
  return held.find(({ base, unit }) => (!isCount && unit !== cell.unit) || !isMultiple(value, base));
}

function isMultiple(value: string, base: string): boolean {
  const digits = Math.max(fractionOf(value).length, fractionOf(base).length);
  return scaled(value, digits) % scaled(base, digits) === 0n;
}

export function decimalSum(values: readonly string[]): string {
  const digits = Math.max(0, ...values.map((value) => fractionOf(value).length));
  const sum = values.reduce((all, value) => all + scaled(value, digits), 0n);
  const text = (sum < 0n ? -sum : sum).toString().padStart(digits + 1, "0");
  const whole = `${sum < 0n ? "-" : ""}${text.slice(0, text.length - digits)}`;
  return digits === 0 ? whole : `${whole}.${text.slice(text.length - digits)}`;
}

export const sameDecimal = (a: string, b: string): boolean => {
  const digits = Math.max(fractionOf(a).length, fractionOf(b).length);
  return scaled(a, digits) === scaled(b, digits);
};

const fractionOf = (decimal: string): string => decimal.split(".")[1] ?? "";
function scaled(decimal: string, digits: number): bigint {
  const size = BigInt(decimal.split(".")[0]!.replace("-", "") + fractionOf(decimal).padEnd(digits, "0"));
  return decimal.startsWith("-") ? -size : size;
}
