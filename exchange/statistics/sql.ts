/**
 * One provider's part of a layout as a SELECT over its own source. Numbers go from text to DECIMAL and stay exact
 * integers at a fixed scale; nothing passes through binary floating point.
 *
 * Result: one row per present combination of element-dimension codes (d0, d1, …) plus rows with kept = 'false' for
 * what filters leave out; k0, k1, … are the components in layout order; t, p, v count texts, fitting texts and values
 * per field.
 *
 * Two forms with the same answer. `text` checks every value as registration does. `registered` takes for granted that
 * every value fits, so the engine reads numbers as DECIMAL at once and groups by codes as they stand in the file; it
 * is for bytes whose fingerprint is the registered one.
 */
import { digestOf } from "../../crypto/suites/digest.ts";
import type { Asset, Field } from "../../policies/model/asset.ts";
import type { Predicate } from "../../policies/model/query.ts";
import { periodUse } from "./compile.ts";
import { fieldOf, multiplierOf, numericFieldOf, scaledInteger } from "./elements.ts";
import { StatisticsError } from "./errors.ts";
import { decimal, literal, registeredStages, type UsedField, usedField, valueStages } from "./field-sql.ts";
import { type Component, elementsIn, type Layout, type LinearTerm, type Word } from "./layout.ts";
import { limitsOf } from "./linear.ts";
import { REGISTERS, registerSql } from "./registers.ts";
import type { SqlQuery } from "./source.ts";

export type SqlForm = "registered" | "text";

export interface AssetPlan {
  readonly used: readonly UsedField[];
  /** Names of the fields of the element dimensions, in dimension order. */
  readonly dimensions: readonly UsedField[];
  readonly unitField: UsedField | null;
}

/**
 * `keys`: an element that is read beside what the layout names. Throws StatisticsError (ERR_STATISTICS_ASSET) where
 * `asset` is not the version the layout was compiled from.
 */
export function planAsset(layout: Layout, asset: Asset, keys?: string): AssetPlan {
  const entry = layout.assets.find((candidate) => candidate.asset === asset.id);
  if (entry === undefined || entry.version !== asset.version || entry.metadata !== digestOf(asset)) {
    throw new StatisticsError(
      "ERR_STATISTICS_ASSET",
      asset.id,
      `expected version ${entry?.version ?? "none"} of the layout, got version ${asset.version} or other metadata`,
    );
  }
  const used: UsedField[] = [];
  const use = (field: Field): UsedField => {
    const known = used.find((candidate) => candidate.field.name === field.name);
    if (known !== undefined) return known;
    const added = usedField(field, used.length);
    used.push(added);
    return added;
  };
  for (const element of layout.elements) use(numericFieldOf(asset, element.element));
  const dimensions = layout.domains.flatMap((domain) =>
    domain.kind === "element" ? [use(fieldOf(asset, domain.name))] : [],
  );
  for (const filter of layout.query.filters) use(fieldOf(asset, filter.element));
  for (const { element } of limitsOf(layout.components.map(({ word }) => word))) use(fieldOf(asset, element));
  for (const { word } of layout.components) if (word.kind === "registers") use(fieldOf(asset, word.element));
  const period = periodUse(layout.query, asset);
  if (period !== null) use(asset.fields.find((field) => field.name === period)!);
  if (keys !== undefined) use(fieldOf(asset, keys));
  const { unit } = asset;
  const unitField = unit.kind === "field" ? use(asset.fields.find((field) => field.name === unit.field)!) : null;
  return { used, dimensions, unitField };
}

export function compileSql(layout: Layout, asset: Asset, form: SqlForm = "text"): SqlQuery {
  const { plan, keys, cells, byElement, ...query } = compileCells(layout, asset, form);
  const sums = layout.components.flatMap(({ word }, i) => {
    if (word.kind !== "linear") return [`${sumExpression(word, plan, byElement)} AS k${i}`];
    return word.terms.map((term, t) => `${termExpression(term, byElement)} AS k${i}_${t}`);
  });
  // Stage counts, from which the reader takes differences: far cheaper than one filtered count each.
  const quality = plan.used.flatMap(({ index }) =>
    ["t", "p", "v"].map((stage) => `count(${stage}${index}) AS ${stage}${index}`),
  );
  const units = plan.unitField === null ? "count(*)" : unitCount(plan.unitField);
  const limits = plan.unitField === null ? [] : limitsOf(layout.components.map(({ word }) => word));
  const limited = limits.map((limit, l) => `${unitCount(plan.unitField!, limitCondition(limit, byElement))} AS u${l}`);
  const columns = [...keys, ...groupedColumns([...sums, ...limited], quality, units)];
  return { ...query, text: `${cells}\nSELECT ${columns.join(",\n  ")}\nFROM cells GROUP BY ${keys.join(", ")}` };
}

/**
 * The sketch of one `registers` component over the kept rows: d0, d1, …, register and rank, one row per register that
 * is not empty. `key` is common to the cohort and to no other computation.
 */
export function compileSketchSql(
  layout: Layout,
  asset: Asset,
  component: Component,
  key: string,
  form: SqlForm,
): SqlQuery {
  const { keys, cells, byElement, parameters, ...query } = compileCells(layout, asset, form);
  const { element } = component.word as Extract<Word, { readonly kind: "registers" }>;
  const value = `v${byElement(element).index}`;
  const { register, rank } = registerSql(value, `$${parameters.length + 1}`, elementsIn(component) / REGISTERS);
  const groups = [...keys.slice(1), "register"];
  const columns = [...keys.slice(1), `${register} AS register`, `max(${rank}) AS rank`];
  return {
    ...query,
    parameters: [...parameters, key],
    text: `${cells}\nSELECT ${columns.join(", ")} FROM cells WHERE kept AND ${value} IS NOT NULL GROUP BY ${groups.join(", ")}`,
  };
}

/**
 * The kept rows by the value of `keys`: key, d0, d1, … and the sums k0, k1, … of components that are moments; one row a key
 * and combination of codes.
 */
export function compileKeyedSql(layout: Layout, asset: Asset, keys: string): SqlQuery {
  const { plan, keys: kept, cells, byElement, ...query } = compileCells(layout, asset, "text", keys);
  const groups = kept.slice(1);
  const key = `v${byElement(keys).index}`;
  const sums = layout.components.flatMap(({ word }, i) =>
    word.kind === "moment" ? [`${sumExpression(word, plan, byElement)} AS k${i}`] : [],
  );
  const present = ["kept", `${key} IS NOT NULL`, ...groups.map((group) => `${group} IS NOT NULL`)].join(" AND ");
  const columns = [`${key} AS key`, ...groups, ...sums].join(", ");
  return {
    ...query,
    text: `${cells}\nSELECT ${columns} FROM cells WHERE ${present} GROUP BY ${[key, ...groups].join(", ")}`,
  };
}

/** The relation `cells`: values, d0, d1, … and whether filters and period keep the row. */
function compileCells(layout: Layout, asset: Asset, form: SqlForm, keyed?: string) {
  const plan = planAsset(layout, asset, keyed);
  const decimals = form === "text" ? [] : plan.used.filter(isRead);
  // Units that stand under two spellings of one code would be counted twice, so then the codes are trimmed here.
  const coded = plan.dimensions.filter(({ field }) => field.type === "code");
  const raw =
    form === "text" || plan.unitField !== null ? [] : coded.filter(({ field }) => isOnlyGrouped(layout, field));
  const parameters: string[] = [];
  const bind = (value: string): string => `$${parameters.push(value)}`;
  const byElement = (element: string): UsedField => plan.used.find((entry) => entry.field.element === element)!;

  const codesOf = (entry: UsedField): readonly string[] | undefined =>
    layout.domains.find(({ name, kind, edges }) => {
      return kind === "element" && edges === undefined && name === entry.field.element;
    })?.codes;
  const conditions = [
    "true",
    ...layout.query.filters.map((filter) => filterCondition(layout, filter, byElement(filter.element), bind)),
    ...periodConditions(layout, asset, plan, bind),
  ];
  const groups = plan.dimensions.map((entry, i) => `${groupExpression(layout, entry)} AS d${i}`);
  const keys = ["kept", ...plan.dimensions.map((_, i) => `d${i}`)];
  const cells = [
    `WITH ${form === "text" ? valueStages(plan.used, codesOf) : registeredStages(plan.used, { decimals, raw })}`,
    `filtered AS (SELECT *, coalesce(${conditions.join(" AND ")}, false) AS kept FROM bounded)`,
    `cells AS (SELECT *${groups.map((group) => `, ${group}`).join("")} FROM filtered)`,
  ].join(",\n");
  return {
    plan,
    keys,
    cells,
    byElement,
    parameters,
    decimals: Object.fromEntries(decimals.map(({ field, scale, width }) => [field.name, readType(width, scale)])),
  };
}

/** A code that is also compared or counted needs its blanks taken off before. */
const isOnlyGrouped = (layout: Layout, { element }: Field): boolean =>
  [...layout.query.filters, ...limitsOf(layout.components.map(({ word }) => word))].every(
    (compared) => compared.element !== element,
  ) && layout.components.every(({ word }) => word.kind !== "registers" || word.element !== element);

const groupedColumns = (sums: readonly string[], quality: readonly string[], units: string): string[] => [
  "count(*) AS cell_rows",
  `${units} AS cell_units`,
  ...sums,
  ...quality,
];

function filterCondition(layout: Layout, filter: Predicate, entry: UsedField, bind: (value: string) => string): string {
  const numeric = layout.elements.find((element) => element.element === filter.element);
  const operand = (value: string): string => {
    if (numeric === undefined) return bind(value);
    const multiplier = multiplierOf(numericFieldAt(entry), numeric)!;
    // value_local × multiplier compares with the literal in the common form.
    const common = scaledInteger(value, numeric.scale, "exact")!;
    return literalFor(common, multiplier, filter.operator, entry.scale);
  };
  const v = `v${entry.index}`;
  switch (filter.operator) {
    case "gteq":
      return `${v} >= ${operand(filter.values[0]!)}`;
    case "lteq":
      return `${v} <= ${operand(filter.values[0]!)}`;
    default:
      return `${v} IN (${filter.values.map(operand).join(", ")})`;
  }
}

/** The code of a row in this dimension: what the field holds, or the class its number is in. */
function groupExpression(layout: Layout, entry: UsedField): string {
  const { codes, edges } = layout.domains.find(({ kind, name }) => kind === "element" && name === entry.field.element)!;
  const v = `v${entry.index}`;
  if (edges === undefined) return v;
  const common = layout.elements.find(({ element }) => element === entry.field.element)!;
  const multiplier = multiplierOf(numericFieldAt(entry), common)!;
  // The last class is whatever is left: bounds do not reach beyond its upper edge.
  const below = codes
    .slice(0, -1)
    .map(
      (code, i) =>
        `WHEN ${v} < ${literalFor(BigInt(edges[i + 1]!), multiplier, "gteq", entry.scale)} THEN ${literal(code)}`,
    );
  return `CASE WHEN ${v} IS NULL THEN NULL ${below.join(" ")} ELSE ${literal(codes.at(-1)!)} END`;
}

/** Read as DECIMAL by the engine itself. Binary floats are rounded our own way. */
const isRead = ({ field }: UsedField): boolean =>
  (field.type === "decimal" || field.type === "integer") && field.roundedFromFloat !== true;

/** As wide as one machine word holds: what is out of bounds then still converts. */
const readType = (width: number, scale: number) => ({ width: width > 18 ? 38 : 18, scale });

const numericFieldAt = (entry: UsedField): Field & { readonly scale: number } => ({
  ...entry.field,
  scale: entry.scale,
});

/** The local scaled integer that the common literal means; for eq without an exact local form, one no value equals. */
function literalFor(common: bigint, multiplier: bigint, operator: Predicate["operator"], scale: number): string {
  const quotient = common / multiplier;
  const exact = quotient * multiplier === common;
  const floor = !exact && common < 0n ? quotient - 1n : quotient;
  if (operator === "gteq") return decimal(exact ? quotient : floor + 1n, scale);
  if (operator === "lteq") return decimal(floor, scale);
  return exact ? decimal(quotient, scale) : "NULL";
}

function periodConditions(layout: Layout, asset: Asset, plan: AssetPlan, bind: (value: string) => string): string[] {
  const name = periodUse(layout.query, asset);
  if (name === null) return [];
  const { index } = plan.used.find((entry) => entry.field.name === name)!;
  // ISO dates of equal length order as text.
  return [`v${index} >= ${bind(layout.query.period!.from)}`, `v${index} <= ${bind(layout.query.period!.to)}`];
}

const unitCount = ({ index }: UsedField, condition = ""): string =>
  `count(DISTINCT v${index}) FILTER (WHERE kept${condition === "" ? "" : ` AND ${condition}`})`;

type Limit = { readonly element: string; readonly value: string };

const limitCondition = ({ element, value }: Limit, byElement: (element: string) => UsedField): string =>
  `v${byElement(element).index} = ${literal(value)}`;

function termExpression({ element, where }: LinearTerm, byElement: (element: string) => UsedField): string {
  const filter = where === undefined ? "" : ` FILTER (WHERE ${limitCondition(where, byElement)})`;
  return `coalesce(sum(v${byElement(element).index})${filter}, 0)`;
}

/** `kept` is a grouping key, so a sum needs no filter for it, nor for values whose absence makes the term NULL. */
function sumExpression(word: Word, plan: AssetPlan, byElement: (element: string) => UsedField): string {
  if (word.kind === "units") {
    return plan.unitField === null ? "1" : unitCount(plan.unitField);
  }
  // Of the organisation's own totals, once they are known.
  if (word.kind === "squares" || word.kind === "magnitudes" || word.kind === "linear") return "0";
  if (word.kind === "registers") return `count(v${byElement(word.element).index})`;
  const [first, second] = word.factors.map(byElement);
  const others = word.complete
    .filter((element) => !word.factors.includes(element))
    .map((element) => byElement(element).index);
  const filter = (indices: readonly number[]): string =>
    indices.length === 0 ? "" : ` FILTER (WHERE ${indices.map((index) => `v${index} IS NOT NULL`).join(" AND ")})`;
  if (first === undefined) return `count(v${others[0]})${filter(others.slice(1))}`;
  if (second === undefined) return `coalesce(sum(v${first.index})${filter(others)}, 0)`;
  const width = first.width + second.width;
  if (width > 38) {
    throw new StatisticsError(
      "ERR_STATISTICS_OVERFLOW",
      word.factors.join("·"),
      `${width} digits per product, at most 38`,
    );
  }
  // A product keeps the width of its wider factor, so one is widened to hold all digits.
  const product = `CAST(v${first.index} AS DECIMAL(${Math.max(width, 19)}, ${first.scale})) * CAST(v${second.index} AS DECIMAL(${second.width}, ${second.scale}))`;
  return `coalesce(sum(${product})${filter(others)}, 0)`;
}
