/**
 * Quantiles of a released histogram: nothing but arithmetic on figures that are released already, so it tells nothing
 * beyond them. The p-quantile of n rows is the ⌈p·n⌉-th smallest value. Its class is known exactly; the value inside is
 * interpolated as if the rows of the class were spread evenly, and is wrong by less than the width of the class.
 */
import type { Layout, LayoutDomain } from "./layout.ts";
import { type Rational, rational, roundedDecimal } from "./rational.ts";

/** A cell of a result, as far as quantiles need it. */
export interface RowsCell {
  readonly group: Readonly<Record<string, string>>;
  readonly measure: string;
  readonly part?: string;
  readonly value: string | null;
  readonly withheld?: string;
}

export interface QuantileCell {
  /** Without the dimension that classes the element. */
  readonly group: Record<string, string>;
  readonly measure: string;
  /** "<probability>:from", "<probability>:to", "<probability>:estimate". */
  readonly part: string;
  readonly value: string | null;
  /** Where one class of the group is withheld, nobody may know how many rows lie below any other. */
  readonly withheld?: string;
  readonly undefined?: "no-rows";
  readonly unit?: string;
}

const DIGITS = 15;
const PARTS = ["from", "to", "estimate"] as const;

/** `cells` are a whole result: every class of every group once. */
export function quantileCells(layout: Layout, cells: readonly RowsCell[]): readonly QuantileCell[] {
  return layout.query.measures.flatMap(({ id, statistic }) => {
    if (statistic.kind !== "quantile") return [];
    const domain = layout.domains.find(({ name, edges }) => name === statistic.element && edges !== undefined)!;
    const groups = Map.groupBy(
      cells.filter((cell) => cell.measure === id && cell.part === "rows"),
      ({ group }) => JSON.stringify(layout.domains.map(({ name }) => (name === domain.name ? "" : group[name]))),
    );
    return [...groups.values()].flatMap((classes) => quantilesOf(layout, domain, { id, ...statistic }, classes));
  });
}

function quantilesOf(
  layout: Layout,
  domain: LayoutDomain,
  { id, probabilities }: { readonly id: string; readonly probabilities: readonly string[] },
  classes: readonly RowsCell[],
): readonly QuantileCell[] {
  const { [domain.name]: _class, ...group } = classes[0]!.group;
  const withheld = classes.find((cell) => cell.withheld !== undefined)?.withheld;
  const common = layout.elements.find(({ element }) => element === domain.name)!;
  const denominator = 10n ** BigInt(common.scale);
  const unit = common.unit === null ? {} : { unit: common.unit };
  const counts = domain.codes.map((code) =>
    BigInt(classes.find((cell) => cell.group[domain.name] === code)!.value ?? "0"),
  );
  const rows = counts.reduce((sum, count) => sum + count, 0n);
  return probabilities.flatMap((probability): readonly QuantileCell[] => {
    const cell = (part: string) => ({ group, measure: id, part: `${probability}:${part}` });
    if (withheld !== undefined) return PARTS.map((part) => ({ ...cell(part), value: null, withheld }));
    if (rows === 0n) return PARTS.map((part) => ({ ...cell(part), value: null, undefined: "no-rows" as const }));
    const place = placeOf(rankOf(probability, rows), counts);
    const [from, to] = [BigInt(domain.edges![place.index]!), BigInt(domain.edges![place.index + 1]!)];
    // The i-th of k rows of a class stands at (i − ½)/k of its width.
    const estimate = rational(
      from * 2n * place.count + (to - from) * (2n * place.rank - 1n),
      2n * place.count * denominator,
    );
    const text = (value: Rational): string => roundedDecimal(value, DIGITS);
    const values = {
      from: text(rational(from, denominator)),
      to: text(rational(to, denominator)),
      estimate: text(estimate),
    };
    return PARTS.map((part) => ({ ...cell(part), value: values[part], ...unit }));
  });
}

/** ⌈p·n⌉, from 1. */
function rankOf(probability: string, rows: bigint): bigint {
  const digits = probability.slice(2);
  const scale = 10n ** BigInt(digits.length);
  return (BigInt(digits) * rows + scale - 1n) / scale;
}

/** The class that holds the row of this rank, and which of its rows it is. */
function placeOf(
  rank: bigint,
  counts: readonly bigint[],
): { readonly index: number; readonly rank: bigint; readonly count: bigint } {
  let below = 0n;
  for (const [index, count] of counts.entries()) {
    if (below + count >= rank) return { index, rank: rank - below, count };
    below += count;
  }
  throw new RangeError(`rank: ${rank} of ${below} rows`);
}
