/** The answer of the compiled SELECT turned into this organisation's vector, batch by batch. */
import { canonicalJson } from "../../crypto/suites/digest.ts";
import type { Asset } from "../../policies/model/asset.ts";
import { multiplierOf, numericFieldOf, scaledInteger } from "./elements.ts";
import { StatisticsError } from "./errors.ts";
import { type Component, componentPlaces, elementsIn, type Layout, layoutWords, type Word } from "./layout.ts";
import { limitsOf } from "./linear.ts";
import { REGISTERS, readRegister, writeThermometers } from "./registers.ts";
import type { RowBatch, Source } from "./source.ts";
import { type AssetPlan, compileSketchSql, compileSql, planAsset } from "./sql.ts";
import { readElement, writeElement } from "./vector.ts";
import { totalOf } from "./words.ts";

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
 * outside its domain gives all zeros. `read` is of a source with the registered bytes. Throws what `read` throws, and
 * ERR_STATISTICS_SOURCE where the source does not fit its registration after all.
 */
export async function localStatistics(
  layout: Layout,
  asset: Asset,
  attributes: Readonly<Record<string, string>>,
  read: Source["read"],
  sketch: SketchInputs = NO_SKETCH,
): Promise<LocalStatistics> {
  // Values that the engine cannot read as DECIMAL (a Unicode blank, more digits than a machine word) need the text.
  for (const form of ["registered", "text"] as const) {
    const reader = localReader(layout, asset, attributes);
    if (!(await read(compileSql(layout, asset, form), reader.take))) continue;
    for (const component of layout.components.filter(({ word }) => word.kind === "registers")) {
      const query = compileSketchSql(layout, asset, component, sketch.key, form);
      await read(query, (batch) => reader.takeRegisters(component, batch));
    }
    return reader.finish(sketch.random);
  }
  throw new StatisticsError("ERR_STATISTICS_SOURCE", asset.id, "the engine reads it neither as numbers nor as text");
}

export interface SketchInputs {
  /** The same for every member, and another for every computation: hashes of two computations do not match. */
  readonly key: string;
  readonly random: (bytes: number) => Uint8Array;
}

const NO_SKETCH: SketchInputs = {
  key: "",
  random() {
    throw new TypeError("sketch: a layout with distinct counts needs a key and randomness");
  },
};

/** Takes the batches of one answer; exported for tests. Rows of one atom (a code in several spellings) add up. */
export function localReader(layout: Layout, asset: Asset, attributes: Readonly<Record<string, string>>) {
  const plan = planAsset(layout, asset);
  const scales = componentScales(layout, asset);
  const atomOf = atomFinder(layout, plan, attributes);
  const values = new BigUint64Array(layoutWords(layout));
  const units = new Float64Array(layout.atoms);
  const registers = new Map<Component, Uint8Array>();
  const limits = plan.unitField === null ? [] : limitsOf(layout.components.map(({ word }) => word));
  const limited = limits.map(() => new Float64Array(layout.atoms));
  // Sums of the terms of each weighted sum, atom by atom.
  const parts = new Map(
    layout.components.map(({ word }, i) => [i, word.kind === "linear" ? termSums(layout, word.terms.length) : []]),
  );
  const total = { rows: 0, nulls: {} as Record<string, number>, outOfBounds: {} as Record<string, number> };

  const codesIn = (row: Row): readonly (string | null)[] =>
    plan.dimensions.map((_, i) => {
      const text = row.cell(`d${i}`);
      return text === null ? null : trimmed(text);
    });

  function takeRow(row: Row): void {
    const rows = count(row, "cell_rows");
    total.rows += rows;
    for (const { index, field } of plan.used) {
      const [texts, fitting, valid] = [count(row, `t${index}`), count(row, `p${index}`), count(row, `v${index}`)];
      add(total.nulls, field.name, rows - texts);
      add(total.outOfBounds, field.name, fitting - valid);
      if (texts > fitting) throw misfit(field.name, texts - fitting);
    }
    for (const [i, { field }] of plan.dimensions.entries()) {
      const text = row.cell(`d${i}`);
      if (text !== null && trimmed(text) === null) add(total.nulls, field.name, rows);
    }
    const atom = atomOf(codesIn(row), rows);
    if (atom === undefined || row.cell("kept") !== "true") return;
    units[atom] = plan.unitField === null ? 1 : units[atom]! + count(row, "cell_units");
    for (const [l, of] of limited.entries()) of[atom]! += count(row, `u${l}`);
    let at = atom * layout.wordsPerAtom;
    for (const [i, component] of layout.components.entries()) {
      const { word, words } = component;
      const scaled = (column: string, { scale, multiplier }: ComponentScale): bigint =>
        scaledInteger(decimalText(row, column), scale, "exact")! * multiplier;
      if (word.kind === "registers") {
        at += words * elementsIn(component);
        continue;
      }
      let value = 0n;
      if (word.kind === "linear") {
        for (const [t, term] of word.terms.entries()) {
          const part = scaled(`k${i}_${t}`, scaleOf(layout, asset, [term.element]));
          parts.get(i)![t]![atom]! += part;
          value += part * BigInt(term.coefficient);
        }
      } else value = scaled(`k${i}`, scales[i]!);
      // The provider itself is one unit, however many rows say so.
      const before = word.kind === "units" && plan.unitField === null ? 0n : readElement(values, at, words);
      writeElement(values, at, words, before + value);
      at += words;
    }
  }

  return {
    take({ columns, rows }: RowBatch): void {
      const places = new Map(columns.map((name, i) => [name, i]));
      for (const cells of rows) takeRow({ cell: (column) => cells[places.get(column) ?? -1] ?? null });
    },
    takeRegisters(component: Component, { columns, rows }: RowBatch): void {
      const ranks = elementsIn(component) / REGISTERS;
      const all = registers.get(component) ?? new Uint8Array(layout.atoms * REGISTERS);
      registers.set(component, all);
      const places = new Map(columns.map((name, i) => [name, i]));
      for (const cells of rows) {
        const cell = (column: string): string | null => cells[places.get(column) ?? -1] ?? null;
        const atom = atomOf(codesIn({ cell }), 0);
        if (atom === undefined) continue;
        const { register, rank } = readRegister({ register: cell("register"), rank: cell("rank") }, ranks);
        all[atom * REGISTERS + register] = Math.max(all[atom * REGISTERS + register]!, rank);
      }
    },
    /** After the last batch. */
    finish(random: SketchInputs["random"] = NO_SKETCH.random): LocalStatistics {
      if (total.rows !== asset.quality.rows) {
        throw changed(asset.id, `registered with ${asset.quality.rows} rows, has ${total.rows}`);
      }
      for (const [component, all] of registers) fillSketch(layout, values, component, all, random);
      fillSquares(layout, values);
      const contributes = contributors(layout, values);
      for (let atom = 0; atom < layout.atoms; atom++) {
        if ([...parts.values()].flat().some((sums) => sums[atom] === 0n)) contributes[atom] = 0;
        // Only units with a code stand behind a sum that is limited to it.
        units[atom] = Math.min(units[atom]!, ...limited.map((held) => held[atom]!));
      }
      return { values, contributes, units, ...total };
    },
  };
}

const termSums = (layout: Layout, terms: number): bigint[][] =>
  Array.from({ length: terms }, () => new Array<bigint>(layout.atoms).fill(0n));

interface Row {
  /** Null for NULL, and for a column that is not there. */
  readonly cell: (column: string) => string | null;
}

const add = (counts: Record<string, number>, field: string, more: number): void => {
  counts[field] = (counts[field] ?? 0) + more;
};

/** As the SQL trims: blanks (Unicode Zs) at both ends; null where nothing is left. */
const trimmed = (text: string): string | null => text.replace(/^\p{Zs}+|\p{Zs}+$/gu, "") || null;

function fillSketch(
  layout: Layout,
  values: BigUint64Array,
  component: Component,
  registers: Uint8Array,
  random: SketchInputs["random"],
): void {
  const before = layout.components.slice(0, layout.components.indexOf(component));
  const offset = before.reduce((words, other) => words + other.words * elementsIn(other), 0);
  const length = elementsIn(component);
  for (let atom = 0; atom < layout.atoms; atom++) {
    const at = atom * layout.wordsPerAtom + offset;
    const own = registers.subarray(atom * REGISTERS, (atom + 1) * REGISTERS);
    writeThermometers(values.subarray(at, at + length), own, length / REGISTERS, random);
  }
}

/** About zero and before any offset: squares and magnitudes of the totals that stand in the same atom. */
function fillSquares(layout: Layout, values: BigUint64Array): void {
  const derived = layout.components.filter(({ word }) => word.kind === "squares" || word.kind === "magnitudes");
  if (derived.length === 0) return;
  const places = componentPlaces(layout);
  for (let atom = 0; atom < layout.atoms; atom++) {
    const base = atom * layout.wordsPerAtom;
    for (const { word } of derived) {
      const total = places.get(canonicalJson(totalOf(word as Extract<Word, { readonly kind: "squares" }>)))!;
      const own = places.get(canonicalJson(word))!;
      const value = readElement(values, base + total.offset, total.words);
      const wanted = word.kind === "squares" ? value * value : value < 0n ? -value : value;
      writeElement(values, base + own.offset, own.words, wanted);
    }
  }
}

/** Per atom: 1 where every component is non-zero, a sketch where any of its registers is. */
function contributors(layout: Layout, values: BigUint64Array): Uint8Array {
  return Uint8Array.from({ length: layout.atoms }, (_, atom) => {
    let at = atom * layout.wordsPerAtom;
    return layout.components.every((component) => {
      const start = at;
      at += component.words * elementsIn(component);
      return values.subarray(start, at).some((word) => word !== 0n);
    })
      ? 1
      : 0;
  });
}

const misfit = (field: string, values: number): StatisticsError =>
  changed(field, `${values} values do not fit its declared type, scale or code table`);

const changed = (field: string, message: string): StatisticsError =>
  new StatisticsError("ERR_STATISTICS_SOURCE", field, `${message}: the source changed, register it as a new version`);

interface ComponentScale {
  readonly scale: number;
  readonly multiplier: bigint;
}

/** Scale of each component's text in the engine's answer, and the factor to the common form. */
function componentScales(layout: Layout, asset: Asset): readonly ComponentScale[] {
  return layout.components.map(({ word }) => scaleOf(layout, asset, word.kind === "moment" ? word.factors : []));
}

/** Of a product of these. */
function scaleOf(layout: Layout, asset: Asset, factors: readonly string[]): ComponentScale {
  let scale = 0;
  let multiplier = 1n;
  for (const factor of factors) {
    const field = numericFieldOf(asset, factor);
    scale += field.scale;
    multiplier *= multiplierOf(field, layout.elements.find((element) => element.element === factor)!)!;
  }
  return { scale, multiplier };
}

/** From the codes of the element dimensions to the atom; undefined where one is absent or an attribute outside its domain. */
function atomFinder(layout: Layout, plan: AssetPlan, attributes: Readonly<Record<string, string>>) {
  const digits = layout.domains.map((domain) => new Map(domain.codes.map((code, i) => [code, i])));
  return (codes: readonly (string | null)[], rows: number): number | undefined => {
    let column = 0;
    let atom: number | undefined = 0;
    for (const [i, domain] of layout.domains.entries()) {
      const code = domain.kind === "attribute" ? attributes[domain.name] : codes[column++];
      const digit = digits[i]!.get(code ?? "");
      if (digit === undefined && domain.kind === "element" && code !== null) {
        throw misfit(plan.dimensions[column - 1]!.field.name, rows);
      }
      atom = digit === undefined || atom === undefined ? undefined : atom * domain.codes.length + digit;
    }
    return atom;
  };
}

function decimalText(row: Row, column: string): string {
  const value = row.cell(column);
  if (value !== null && /^-?\d+(\.\d+)?$/.test(value)) return value;
  throw new StatisticsError("ERR_STATISTICS_SOURCE", column, `expected a decimal, got ${JSON.stringify(value)}`);
}

function count(row: Row, column: string): number {
  const value = Number(decimalText(row, column));
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new StatisticsError(
    "ERR_STATISTICS_SOURCE",
    column,
    `expected a count, got ${JSON.stringify(row.cell(column))}`,
  );
}
