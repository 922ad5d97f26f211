/** What was opened of a join of sums, as figures with the names of their groups. */
import type { JoinSum } from "../../crypto/psi/join.ts";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import type { Measure } from "../../policies/model/query.ts";
import { RESULT_DIGITS } from "../statistics/decode.ts";
import { atomCodes, type Layout } from "../statistics/layout.ts";
import { exactDecimal, multiply, rational, roundedDecimal } from "../statistics/rational.ts";
import { conversionFactor } from "../statistics/units.ts";
import { wordsOf } from "../statistics/words.ts";
import { summedIn } from "./keyed-rows.ts";

/** Name of the requester's own groups beside those of the table's columns. */
const LABEL = "label";

export interface JoinFigures {
  readonly group: Readonly<Record<string, string>>;
  /** Keys that both sides have in this group. */
  readonly keys: number;
  readonly figures: readonly { readonly measure: string; readonly value: string }[];
}

/** `labels`: the requester's, in the order of the request; undefined: it has none. */
export function figuresOf(
  layout: Layout,
  labels: readonly string[] | undefined,
  opened: readonly JoinSum[],
): readonly JoinFigures[] {
  return opened.map(({ group, rows, sums }) => {
    const codes = atomCodes(layout, group % layout.atoms);
    const label = labels?.[Math.floor(group / layout.atoms)];
    return {
      group: {
        ...(label === undefined ? {} : { [LABEL]: label }),
        ...Object.fromEntries(layout.domains.map(({ name }, at) => [name, codes[at]!])),
      },
      keys: rows,
      figures: layout.query.measures.map((measure) => ({
        measure: measure.id,
        value: figureOf(layout, measure, rows, sums),
      })),
    };
  });
}

function figureOf(layout: Layout, { statistic, units }: Measure, rows: number, sums: readonly bigint[]): string {
  if (statistic.kind !== "sum") return String(rows);
  const { element } = statistic;
  const common = layout.elements.find((one) => one.element === element)!;
  const [word] = wordsOf({ id: element, statistic }, layout.elements);
  const at = summedIn(layout).findIndex(([, one]) => canonicalJson(one) === canonicalJson(word));
  const unit = conversionFactor(common.unit, units?.[element] ?? common.unit)!;
  const factor = rational(unit.numerator, unit.denominator * 10n ** BigInt(common.scale));
  const value = multiply(rational(sums[at]!), factor);
  return exactDecimal(value) ?? roundedDecimal(value, RESULT_DIGITS);
}
