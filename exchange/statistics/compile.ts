/** From a query and the metadata of the cohort's assets to a layout. Pure: equal inputs give equal bytes everywhere. */
import { Compile } from "typebox/compile";
import { CHUNK_WORDS, MAXIMUM_ATOMS } from "../../crypto/secagg/constants.ts";
import { canonicalJson, digestOf } from "../../crypto/suites/digest.ts";
import { type Asset, leafCodes } from "../../policies/model/asset.ts";
import { type Measure, type Predicate, Query } from "../../policies/model/query.ts";
import { isClassed, limitingElements, momentMargin, SQUARES_MARGIN, termsIn } from "../../policies/model/statistic.ts";
import { classDomain } from "./classes.ts";
import { boundsOf, fieldOf, harmonise, numericFieldOf, scaledInteger } from "./elements.ts";
import { StatisticsError } from "./errors.ts";
import {
  type Component,
  elementsIn,
  type Layout,
  type LayoutDomain,
  type LayoutElement,
  levelsOf,
  type Word,
} from "./layout.ts";
import { totalsProblem } from "./margins.ts";
import { REGISTERS, ranksFor } from "./registers.ts";
import { conversionFactor } from "./units.ts";
import { elementsOf, magnitudesOf, squaresOf, totalOf, totalsOf, wordsOf } from "./words.ts";

/** How large a table may be; docs/decisions/107 says what each bounds. */
export interface LayoutLimits {
  /** Of the whole vector: 128 MiB, which members and the receiver hold in memory and which travel in chunks. */
  readonly words: number;
  /** Words of one cell: it is never cut. */
  readonly cellWords: number;
  readonly cells: number;
  /** Cells times sums: each has a record key, in the documents and in every role's state. A sketch counts as one. */
  readonly sums: number;
  /** Cells times figures: the result document is one piece of JSON, about 100 bytes each. */
  readonly figures: number;
}

export const LAYOUT_LIMITS: LayoutLimits = Object.freeze({
  words: 1 << 24,
  cellWords: CHUNK_WORDS,
  cells: MAXIMUM_ATOMS,
  sums: 1 << 20,
  figures: 1 << 18,
});
const ONE_WORD = 2n ** 63n;
// DECIMAL(38) of the engines that compute the sums ends below 2^127.
const TWO_WORDS = 10n ** 38n;

export interface LayoutInputs {
  readonly query: Query;
  /** Metadata of every cohort asset, any order. */
  readonly assets: readonly Asset[];
  /** Code tables of the registry attributes (network.found). */
  readonly attributes: Readonly<Record<string, readonly string[]>>;
  /** Some policy has rules about the largest contributors. Default: none has. */
  readonly withSquares?: boolean;
  readonly limits?: LayoutLimits;
}

const querySchema = Compile(Query);
const ascending = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Throws StatisticsError; nothing is ever wrapped, clipped or converted by guesswork. */
export function compileLayout(inputs: LayoutInputs): Layout {
  const query = normalise(inputs.query);
  const assets = [...inputs.assets].sort((a, b) => ascending(a.id, b.id));
  checkAssets(assets);
  const elements = harmoniseAll(query, assets);
  const domains = query.groupBy.map((dimension) => {
    if ("attribute" in dimension) return attributeDomain(dimension.attribute, inputs.attributes);
    const { element, edges } = dimension;
    if (edges === undefined) return elementDomain(element, assets, query.totals === true);
    requireOneUnit(element, assets);
    return classDomain(elements.find((candidate) => candidate.element === element)!, edges, assets);
  });
  for (const filter of query.filters) checkFilter(filter, assets, elements);
  for (const asset of assets) periodUse(query, asset);
  for (const measure of query.measures) {
    checkMeasure(measure, elements, query);
    checkLimits(measure, query, assets);
    if (measure.statistic.kind === "distinct") checkDistinct(measure.id, measure.statistic.element, assets);
  }

  const problem = totalsProblem(query);
  if (problem !== undefined) {
    const message = TOTALS_NEED[problem.why];
    throw new StatisticsError(
      "ERR_STATISTICS_QUERY",
      `totals${problem.measure ? ` of ${problem.measure}` : ""}`,
      message,
    );
  }

  const rows = assets.reduce((total, asset) => total + asset.quality.rows, 0);
  const totalled = inputs.withSquares === true ? totalsOf(query.measures, elements) : [];
  const components = [
    ...componentsOf(query.measures, elements, rows),
    ...totalled.flatMap((total) => squaresComponents(total, elements, assets, rows)),
  ];
  const atoms = domains.reduce((product, domain) => product * domain.codes.length, 1);
  const wordsPerAtom = components.reduce((total, component) => total + component.words * elementsIn(component), 0);
  if (!Number.isSafeInteger(rows)) {
    throw new StatisticsError("ERR_STATISTICS_OVERFLOW", "rows", `${rows} rows are beyond the exact range`);
  }
  const figures = query.measures.reduce((total, measure) => total + figuresPerCell(measure), 0);
  const coded = domains.reduce((product, { kind, codes }) => product * (kind === "element" ? codes.length : 1), 1);
  if (query.totals === true && coded > MAX_TOTALLED) {
    const message = `${coded} cells of codes exceed ${MAX_TOTALLED}: ask for totals of a smaller table, or for the table without them`;
    throw new StatisticsError("ERR_STATISTICS_SIZE", "totals", message);
  }
  const withTotals = domains.reduce(
    (product, domain) => product * (domain.codes.length + levelsOf(domain).size + 1),
    1,
  );
  const perCell = query.totals === true ? Math.ceil((figures * withTotals) / atoms) : figures;
  checkSize(inputs.limits ?? LAYOUT_LIMITS, { atoms, wordsPerAtom, sums: components.length, figures: perCell });
  return Object.freeze({
    format: "sealane/layout/v1",
    query,
    assets: assets.map((asset) => ({ asset: asset.id, version: asset.version, metadata: digestOf(asset) })),
    dimensions: domains.map((domain) => ({
      name: domain.name,
      size: domain.codes.length,
      ...(domain.kind === "attribute" ? { attribute: { name: domain.name, values: domain.codes } } : {}),
    })),
    domains,
    elements,
    components,
    atoms,
    wordsPerAtom,
    rows,
    momentMargin: Math.max(
      totalled.length > 0 ? SQUARES_MARGIN : 0,
      ...query.measures.map((measure) => momentMargin(measure.statistic)),
    ),
  });
}

/** What the totals of a table tell of its cells is worked out over all of them together: a minute at some 10,000. */
const MAX_TOTALLED = 4_096;

const TOTALS_NEED = Object.freeze({
  "no-dimension": "totals are over dimensions, and groupBy names none",
  classes: "there are no totals over classes: ask for the sum without them",
  "not-additive": "only sums, means, ratios and weighted sums have totals, and counts over registry attributes",
});

/** As decode.ts makes them; what a quantile adds over all its classes does not grow with the cells. */
function figuresPerCell({ statistic }: Measure): number {
  if (statistic.kind === "regression") return statistic.independents.length + 3;
  return statistic.kind === "distinct" ? 2 : 1;
}

function checkSize(
  limits: LayoutLimits,
  { atoms, wordsPerAtom, sums, figures }: { atoms: number; wordsPerAtom: number; sums: number; figures: number },
): void {
  const tooLarge = (field: string, message: string): never => {
    throw new StatisticsError("ERR_STATISTICS_SIZE", field, message);
  };
  const fewer = "group by fewer or smaller domains, or ask for fewer measures";
  if (atoms > limits.cells)
    tooLarge("groupBy", `${atoms} cells exceed ${limits.cells}: group by fewer or smaller domains`);
  if (wordsPerAtom > limits.cellWords) {
    tooLarge("measures", `${wordsPerAtom} words per cell exceed ${limits.cellWords}: ask for fewer measures`);
  }
  if (atoms * wordsPerAtom > limits.words) {
    tooLarge("groupBy", `${atoms} cells × ${wordsPerAtom} words exceed ${limits.words} words: ${fewer}`);
  }
  if (atoms * sums > limits.sums) tooLarge("groupBy", `${atoms} cells × ${sums} sums exceed ${limits.sums}: ${fewer}`);
  if (atoms * figures > limits.figures) {
    tooLarge(
      "groupBy",
      `${atoms} cells × ${figures} figures exceed ${limits.figures}, the result document's: ${fewer}`,
    );
  }
}

function normalise(query: Query): Query {
  if (!querySchema.Check(query)) {
    const first = querySchema.Errors(query)[0];
    throw new StatisticsError(
      "ERR_STATISTICS_QUERY",
      `query${first?.instancePath ?? ""}`,
      first?.message ?? "malformed",
    );
  }
  const filters = query.filters
    .map((filter) => ({ ...filter, values: [...new Set(filter.values)].sort(ascending) }))
    .sort((a, b) => ascending(canonicalJson(a), canonicalJson(b)));
  requireDistinct(
    "measures",
    query.measures.map((measure) => measure.id),
  );
  requireDistinct(
    "groupBy",
    query.groupBy.map((dimension) => ("attribute" in dimension ? dimension.attribute : dimension.element)),
  );
  if (query.period !== undefined) {
    for (const date of [query.period.from, query.period.to]) requireDate("period", date);
    if (query.period.from > query.period.to) {
      throw new StatisticsError(
        "ERR_STATISTICS_PERIOD",
        "period",
        `from ${query.period.from} is after ${query.period.to}`,
      );
    }
  }
  return { ...query, filters };
}

function requireDistinct(field: string, names: readonly string[]): void {
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined) throw new StatisticsError("ERR_STATISTICS_QUERY", field, `${repeated} occurs twice`);
}

function requireDate(field: string, text: string): void {
  const date = new Date(`${text}T00:00:00Z`);
  if (Number.isNaN(date.getTime()) || date.toISOString().slice(0, 10) !== text) {
    throw new StatisticsError("ERR_STATISTICS_QUERY", field, `${text} is not a calendar date`);
  }
}

function checkAssets(assets: readonly Asset[]): void {
  if (assets.length === 0) throw new StatisticsError("ERR_STATISTICS_COHORT", "assets", "expected at least one");
  const ids = assets.map((asset) => asset.id);
  const repeated = ids.find((id, i) => ids.indexOf(id) !== i);
  if (repeated !== undefined) throw new StatisticsError("ERR_STATISTICS_COHORT", "assets", `${repeated} occurs twice`);
}

function attributeDomain(name: string, attributes: LayoutInputs["attributes"]): LayoutDomain {
  const codes = Object.hasOwn(attributes, name) ? attributes[name]! : [];
  if (codes.length === 0) {
    throw new StatisticsError("ERR_STATISTICS_DOMAIN", name, "the network has no such registry attribute");
  }
  return { kind: "attribute", name, codes: [...codes] };
}

/** The union of the assets' tables, ascending: a code that one provider lacks is a zero there, not a missing slot. */
function elementDomain(element: string, assets: readonly Asset[], withLevels = false): LayoutDomain {
  const within = new Map<string, string | undefined>();
  const tables = new Set<string>();
  const codes = new Set<string>();
  for (const asset of assets) {
    const field = fieldOf(asset, element);
    const table =
      field.type === "code" && field.codeTable !== undefined ? asset.codeTables[field.codeTable] : undefined;
    if (table === undefined || field.identity === true) {
      throw new StatisticsError(
        "ERR_STATISTICS_DOMAIN",
        element,
        `asset ${asset.id} holds it as ${field.identity ? "identity" : field.type}, expected a public code table`,
      );
    }
    tables.add(field.codeTable!);
    for (const code of leafCodes(table)) codes.add(code);
    for (const { code, within: above } of table) {
      if (within.has(code) && within.get(code) !== above) {
        throw new StatisticsError("ERR_STATISTICS_DOMAIN", element, `assets place ${code} within different codes`);
      }
      within.set(code, above);
    }
  }
  const group = [...within.values()].find((above) => above !== undefined && codes.has(above));
  if (group !== undefined) {
    throw new StatisticsError(
      "ERR_STATISTICS_DOMAIN",
      element,
      `${group} has parts in one asset's table and none in another's`,
    );
  }
  if (tables.size > 1) {
    throw new StatisticsError(
      "ERR_STATISTICS_DOMAIN",
      element,
      `assets use different code tables: ${[...tables].join(", ")}`,
    );
  }
  const levels = [...within].flatMap(([code, above]) => (above === undefined ? [] : [[code, above] as const]));
  return {
    kind: "element",
    name: element,
    codes: [...codes].sort(ascending),
    ...(withLevels && levels.length > 0
      ? { within: Object.fromEntries(levels.sort(([a], [b]) => ascending(a, b))) }
      : {}),
  };
}

function harmoniseAll(query: Query, assets: readonly Asset[]): LayoutElement[] {
  const wanted = new Map<string, string | undefined>();
  for (const measure of query.measures) {
    for (const element of elementsOf(measure.statistic)) {
      wanted.set(element, wanted.get(element) ?? measure.units?.[element]);
    }
  }
  for (const filter of query.filters) {
    const type = fieldOf(assets[0]!, filter.element).type;
    if ((type === "decimal" || type === "integer") && !wanted.has(filter.element))
      wanted.set(filter.element, undefined);
  }
  for (const dimension of query.groupBy) {
    if (!("element" in dimension) || dimension.edges === undefined) continue;
    if (!wanted.has(dimension.element)) wanted.set(dimension.element, undefined);
  }
  return [...wanted.keys()].sort(ascending).map((element) => harmonise(element, assets, wanted.get(element)));
}

function checkMeasure(measure: Measure, elements: readonly LayoutElement[], query: Query): void {
  const named = elementsOf(measure.statistic);
  const { kind } = measure.statistic;
  if ((kind === "histogram" || kind === "quantile") && !isClassed(query, named[0]!)) {
    throw new StatisticsError(
      "ERR_STATISTICS_QUERY",
      measure.id,
      `a ${kind} of ${named[0]} needs groupBy to hold {"element": "${named[0]}", "edges": […]}`,
    );
  }
  if (new Set(named).size !== named.length) {
    throw new StatisticsError("ERR_STATISTICS_QUERY", measure.id, "names one element twice");
  }
  for (const [element, unit] of Object.entries(measure.units ?? {})) {
    const common = elements.find((candidate) => candidate.element === element);
    if (common === undefined || !named.includes(element)) {
      throw new StatisticsError("ERR_STATISTICS_UNIT", `${measure.id}.units`, `${element} is not an element of it`);
    }
    if (conversionFactor(common.unit, unit) === undefined) {
      throw new StatisticsError(
        "ERR_STATISTICS_UNIT",
        `${measure.id}.units`,
        `${element} is held in ${common.unit ?? "no unit"}, and no exact factor to ${unit} is declared`,
      );
    }
  }
}

/** Codes that terms are limited to come from the public table of the field, which is no dimension of the query. */
function checkLimits({ id, statistic }: Measure, { groupBy }: Query, assets: readonly Asset[]): void {
  const refuse = (message: string) => new StatisticsError("ERR_STATISTICS_QUERY", id, message);
  for (const element of limitingElements(statistic)) {
    if (groupBy.some((dimension) => "element" in dimension && dimension.element === element)) {
      throw refuse(`${element} limits a term, so it cannot be a dimension too`);
    }
    const { codes } = elementDomain(element, assets);
    const stray = termsIn(statistic).find(({ where }) => where?.element === element && !codes.includes(where.value));
    if (stray !== undefined) throw refuse(`${stray.where?.value} is not in the code table of ${element}`);
  }
}

function checkDistinct(measure: string, element: string, assets: readonly Asset[]): void {
  for (const asset of assets) {
    const { type } = fieldOf(asset, element);
    if (type === "code" || type === "text") continue;
    const message = `distinct values of ${element} need a code or a text, ${asset.id} holds it as ${type}`;
    throw new StatisticsError("ERR_STATISTICS_ELEMENT", measure, message);
  }
}

function checkFilter(filter: Predicate, assets: readonly Asset[], elements: readonly LayoutElement[]): void {
  const refuse = (message: string) => new StatisticsError("ERR_STATISTICS_QUERY", filter.element, message);
  const ordered = filter.operator === "gteq" || filter.operator === "lteq";
  if (filter.operator !== "isAnyOf" && filter.values.length !== 1) {
    throw refuse(`${filter.operator} takes one value, got ${filter.values.length}`);
  }
  const types = new Set(assets.map((asset) => fieldOf(asset, filter.element).type));
  for (const asset of assets) {
    if (fieldOf(asset, filter.element).identity)
      throw refuse(`is an identity field of ${asset.id}: it is never compared`);
  }
  const numeric = elements.find((element) => element.element === filter.element);
  if (numeric !== undefined) {
    requireOneUnit(filter.element, assets);
    for (const value of filter.values) {
      if (!/^-?\d+(\.\d+)?$/.test(value) || scaledInteger(value, numeric.scale, "exact") === undefined) {
        throw refuse(`${value} is not a decimal with at most ${numeric.scale} digits after the point`);
      }
    }
    return;
  }
  if (types.size > 1) throw refuse(`assets hold it as different types: ${[...types].join(", ")}`);
  if (types.has("date")) {
    for (const value of filter.values) requireDate(filter.element, value);
  } else if (ordered) {
    throw refuse(`${filter.operator} needs a number or a date`);
  } else if (types.has("code")) {
    const codes = new Set(elementDomain(filter.element, assets).codes);
    const unknown = filter.values.find((value) => !codes.has(value));
    if (unknown !== undefined) throw refuse(`${unknown} is not in the code table`);
  } else {
    throw refuse("is free text: filter on codes, numbers or dates");
  }
}

/** Or the unit that a measure names would decide what its literals are: one record would have several meanings. */
function requireOneUnit(element: string, assets: readonly Asset[]): void {
  const units = new Set(assets.map((asset) => fieldOf(asset, element).unit ?? null));
  if (units.size === 1) return;
  const held = [...units].map((unit) => unit ?? "no unit").join(", ");
  throw new StatisticsError("ERR_STATISTICS_UNIT", element, `assets hold it in ${held}: no value of it is compared`);
}

/** The date field a period is read from; null where the whole asset lies inside the period (or none is asked for). */
export function periodUse(query: Query, asset: Asset): string | null {
  if (query.period === undefined) return null;
  if (asset.period?.field !== undefined) {
    const field = asset.fields.find((candidate) => candidate.name === asset.period?.field);
    if (field?.type === "date") return field.name;
  } else if (
    asset.period !== undefined &&
    asset.period.from >= query.period.from &&
    asset.period.to <= query.period.to
  ) {
    return null;
  }
  throw new StatisticsError(
    "ERR_STATISTICS_PERIOD",
    "period",
    `asset ${asset.id} has no date field and does not lie inside ${query.period.from} to ${query.period.to}`,
  );
}

function componentsOf(measures: readonly Measure[], elements: readonly LayoutElement[], rows: number): Component[] {
  const words = new Map<string, Word>();
  for (const measure of measures) {
    for (const word of wordsOf(measure, elements)) words.set(canonicalJson(word), word);
  }
  return [...words.values()].map((word): Component => {
    // Random numbers of the whole ring.
    if (word.kind === "registers") return { word, words: 1, count: REGISTERS * ranksFor(rows), bound: `${ONE_WORD}` };
    const bound = boundOf(word, elements) * BigInt(Math.max(rows, 1));
    if (bound >= TWO_WORDS) {
      throw new StatisticsError(
        "ERR_STATISTICS_OVERFLOW",
        word.kind === "moment" ? word.factors.join("·") : word.kind,
        `${rows} rows within the declared bounds may sum to ${bound}, beyond ${TWO_WORDS}: narrow the bounds or the scale`,
      );
    }
    return { word, words: bound < ONE_WORD ? 1 : 2, bound: bound.toString() };
  });
}

/** Largest |summand| of one row. */
function boundOf(word: Word, elements: readonly LayoutElement[]): bigint {
  const of = (name: string) => BigInt(elements.find(({ element }) => element === name)!.bound);
  const absolute = (value: bigint) => (value < 0n ? -value : value);
  if (word.kind === "moment") return word.factors.reduce((product, factor) => product * of(factor), 1n);
  if (word.kind !== "linear") return 1n;
  return word.terms.reduce((sum, term) => sum + absolute(BigInt(term.coefficient)) * of(term.element), 0n);
}

/** Σ(Σx)² over organisations is at most (Σ|x|)² over all rows. Magnitudes are totals where nothing is negative. */
function squaresComponents(
  total: ReturnType<typeof totalsOf>[number],
  elements: readonly LayoutElement[],
  assets: readonly Asset[],
  rows: number,
): Component[] {
  const largest = BigInt(Math.max(rows, 1)) * boundOf(totalOf(total), elements);
  if (largest * largest >= TWO_WORDS) {
    throw new StatisticsError(
      "ERR_STATISTICS_OVERFLOW",
      "element" in total ? total.element : "linear",
      `${rows} rows within the declared bounds may have squares of ${largest * largest}, beyond ${TWO_WORDS}: narrow the bounds or the scale`,
    );
  }
  const words = (bound: bigint) => (bound < ONE_WORD ? 1 : 2);
  const squares = { word: squaresOf(total), words: words(largest * largest), bound: `${largest * largest}` } as const;
  const signed = "terms" in total ? total.terms : [{ element: total.element, coefficient: "1" }];
  const mayBeNegative = signed.some(
    ({ element, coefficient }) =>
      coefficient.startsWith("-") || assets.some((asset) => boundsOf(numericFieldOf(asset, element)).minimum < 0n),
  );
  if (!mayBeNegative) return [squares];
  return [squares, { word: magnitudesOf(total), words: words(largest), bound: `${largest}` }];
}
