/**
 * Records that are limited to a period, or to numbers or dates by a filter: cut at all ends that occur, such ranges are
 * sets of the pieces between, and what two of them leave of a third is as plain as with codes.
 */
import type { Asset } from "../../policies/model/asset.ts";
import type { Query } from "../../policies/model/query.ts";
import { boundsOf, numericFieldOf } from "../statistics/elements.ts";

/** What there may be of a number or a date, ends included; numbers are steps of 10^-scale, dates are days. */
export interface Range {
  readonly scale: number;
  readonly least: bigint;
  readonly most: bigint;
}
export interface Ranges {
  readonly elements: ReadonlyMap<string, Range>;
  /** What a period cuts by, where all assets that are cut have one element for it, and what they cover. */
  readonly period?: { readonly element?: string; readonly range: Range };
}

/** Ends as they are written, included; absent: open. */
export interface Limit {
  readonly from?: string;
  readonly to?: string;
}

/** The union of the limits is what the record is limited to. */
export type Limits = ReadonlyMap<string, readonly Limit[]>;

const PERIOD = "period";
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const DAY_MS = 86_400_000;

type Predicate = Query["filters"][number];

/** By axis. `filters`: those of elements without a code table; `others` are no comparisons of known numbers or of dates. */
export function limitsOf(
  filters: readonly Predicate[],
  period: Query["period"] | null,
  ranges: Ranges | undefined,
): { readonly limits: Limits; readonly others: readonly Predicate[] } {
  const limits = new Map<string, readonly Limit[]>();
  const limit = (axis: string, to: readonly Limit[]) => {
    const before = limits.get(axis) ?? [{}];
    limits.set(
      axis,
      before.flatMap((one) => to.map((other) => both(one, other))),
    );
  };
  const others: Predicate[] = [];
  for (const filter of filters) {
    const { element, operator, values } = filter;
    const isKnown =
      ranges?.elements.has(element) === true && values.every((value) => placeIn(value, MOST_DIGITS) !== undefined);
    if (!isKnown && !values.every((value) => DATE.test(value))) {
      others.push(filter);
      continue;
    }
    const axis = ranges?.period?.element === element ? PERIOD : element;
    if (operator === "gteq") limit(axis, [{ from: values[0]! }]);
    else if (operator === "lteq") limit(axis, [{ to: values[0]! }]);
    else
      limit(
        axis,
        values.map((value) => ({ from: value, to: value })),
      );
  }
  if (period) limit(PERIOD, [{ from: period.from, to: period.to }]);
  return { limits, others };
}

function both(one: Limit, other: Limit): Limit {
  const later = (a?: string, b?: string) => (a === undefined || (b !== undefined && place(b) > place(a)) ? b : a);
  const sooner = (a?: string, b?: string) => (a === undefined || (b !== undefined && place(b) < place(a)) ? b : a);
  const [from, to] = [later(one.from, other.from), sooner(one.to, other.to)];
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}
const place = (text: string): bigint => placeIn(text, MOST_DIGITS)!;

/** More than any declared scale. */
const MOST_DIGITS = 40;

/** In steps of 10^-scale, or in days; undefined for what is neither a number nor a date, or finer. */
function placeIn(text: string, scale: number): bigint | undefined {
  if (DATE.test(text)) return BigInt(Date.parse(text)) / BigInt(DAY_MS);
  const found = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (found === null) return undefined;
  const [, sign, whole = "", fraction = ""] = found;
  if (fraction.length > scale) return undefined;
  const size = BigInt(whole + fraction.padEnd(scale, "0"));
  return sign === "-" ? -size : size;
}

export interface Pieces {
  /** By record: pieces of the axis that it is limited to. */
  readonly of: ReadonlyMap<Limits, ReadonlySet<string>>;
  /** All there are. */
  readonly all: ReadonlySet<string>;
}

/** Ends of all limits of one axis cut it into pieces. `beyond`: there may be something outside of what is declared. */
export function piecesOf(
  axis: string,
  limits: readonly Limits[],
  { ranges, beyond = false }: { readonly ranges?: Ranges; readonly beyond?: boolean },
): Pieces {
  const range = axis === PERIOD ? ranges?.period?.range : ranges?.elements.get(axis);
  const named = limits.flatMap((one) => one.get(axis) ?? []);
  const digits = named.flatMap(({ from, to }) => [from, to].map((text) => text?.split(".")[1]?.length ?? 0));
  const scale = Math.max(range?.scale ?? 0, ...digits);
  const finer = 10n ** BigInt(scale - (range?.scale ?? scale));
  const steps = (text: string) => placeIn(text, scale)!;
  const known = named.flatMap(({ from, to }) => [
    ...(from === undefined ? [] : [steps(from)]),
    ...(to === undefined ? [] : [steps(to) + 1n]),
  ]);
  const declared = range === undefined ? [] : [range.least * finer, range.most * finer + 1n];
  const isOpen = range === undefined || beyond;
  const least = isOpen ? lowest([...known, ...declared]) - 1n : declared[0]!;
  const end = isOpen ? highest([...known, ...declared]) + 1n : declared[1]!;
  const cuts = [...new Set([least, end, ...known.filter((at) => at > least && at < end)])].sort(ascending);
  const pieces = cuts.slice(1).map((to, at) => ({ from: cuts[at]!, to, name: `${cuts[at]}..${to}` }));
  const within = ({ from, to }: Limit) =>
    pieces.filter(
      (piece) => (from === undefined || piece.from >= steps(from)) && (to === undefined || piece.to <= steps(to) + 1n),
    );
  return {
    of: new Map(
      limits.flatMap((one) => {
        const own = one.get(axis);
        return own === undefined ? [] : [[one, new Set(own.flatMap(within).map(({ name }) => name))] as const];
      }),
    ),
    all: new Set(pieces.map(({ name }) => name)),
  };
}

const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
const lowest = (all: readonly bigint[]): bigint => all.toSorted(ascending)[0] ?? 0n;
const highest = (all: readonly bigint[]): bigint => all.toSorted(ascending).at(-1) ?? 0n;

/** As these assets declare it; numbers only where all that hold them do so in one unit. */
export function rangesOf(assets: readonly Asset[]): Ranges {
  const fields = assets.flatMap((asset) => asset.fields.map(({ element }) => ({ asset, element })));
  const numbers = [...Map.groupBy(fields, ({ element }) => element)].flatMap(([element, held]) => {
    const range = rangeOf(
      element,
      held.map(({ asset }) => asset),
    );
    return range === undefined ? [] : [[element, range] as const];
  });
  const covered = assets.flatMap(({ period }) => (period === undefined ? [] : [period]));
  if (covered.length === 0) return { elements: new Map(numbers) };
  const days = (text: string) => placeIn(text.slice(0, 10), 0) ?? 0n;
  const cutBy = new Set(
    assets.flatMap(({ period, fields }) => {
      const field = fields.find(({ name }) => name === period?.field);
      return field === undefined ? [] : [field.element];
    }),
  );
  const [element] = cutBy;
  return {
    elements: new Map(numbers),
    period: {
      ...(element !== undefined && cutBy.size === 1 ? { element } : {}),
      range: {
        scale: 0,
        least: lowest(covered.map(({ from }) => days(from))),
        most: highest(covered.map(({ to }) => days(to))),
      },
    },
  };
}

function rangeOf(element: string, assets: readonly Asset[]): Range | undefined {
  const isNumber = ({ type, bounds }: Asset["fields"][number]) =>
    (type === "decimal" || type === "integer") && bounds !== undefined;
  if (!assets.every((asset) => asset.fields.every((field) => field.element !== element || isNumber(field)))) {
    return undefined;
  }
  const held = assets.map((asset) => numericFieldOf(asset, element));
  if (new Set(held.map(({ unit }) => unit)).size !== 1) return undefined;
  const scale = Math.max(...held.map((field) => field.scale));
  const bounds = held.map((field) => {
    const { minimum, maximum } = boundsOf(field);
    const finer = 10n ** BigInt(scale - field.scale);
    return { least: minimum * finer, most: maximum * finer };
  });
  return {
    scale,
    least: lowest(bounds.map(({ least }) => least)),
    most: highest(bounds.map(({ most }) => most)),
  };
}
