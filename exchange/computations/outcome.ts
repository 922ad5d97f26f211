/**
 * From decoded sums to a result document: figures, output rules, release guard. Pure; what is withheld is named by the
 * rule that withheld it.
 */
import { encodeBitmap, inAtom } from "../../crypto/secagg/cells.ts";
import type { Parties } from "../../crypto/secagg/opened.ts";
import type { Decoded } from "../../crypto/secagg/step.ts";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { applyOutputRules, OUTPUT_RULES } from "../../policies/disclosure/output-rules.ts";
import { type Equation, guardReleases } from "../../policies/disclosure/release-guard.ts";
import { decode, type ResultCell } from "../statistics/decode.ts";
import { atomCodes, type Layout, layoutWords, recordKey } from "../statistics/layout.ts";
import { writeElement } from "../statistics/vector.ts";
import { wordsOf } from "../statistics/words.ts";
import type { LayoutDocument } from "./documents.ts";
import { figureOf } from "./figures.ts";
import type { OpenBody } from "./opening.ts";

/** Structurally the result document of ledger/audit. */
export interface ReleasedDocument {
  readonly format: "sealane/result/v1";
  readonly request: string;
  readonly computation: string;
  readonly receiver: string;
  readonly contributors: string[];
  readonly cells: ResultDocumentCell[];
  readonly rules: string[];
  readonly withheldCells: number;
}
export type ResultDocumentCell = Omit<ResultCell, "withheld" | "group"> & {
  readonly group: Record<string, string>;
  readonly withheld?: string;
};

/** A published sum as later releases see it: who is in it, under which record key. */
export interface ReleasedEquation {
  readonly id: string;
  readonly record: string;
  /** Members; or one id for a set of members that is only known by its size (counted cells). */
  readonly contributors: readonly string[];
  /** Size of that set. */
  readonly organisations?: number;
}

export interface OutcomeInputs {
  readonly opened: OpenBody;
  readonly layout: Layout;
  readonly assets: LayoutDocument["assets"];
  readonly parties: Pick<Parties, "attributes">;
  readonly decoded: Decoded;
  /** Members of S1 that are not in S2 (counted mode): each may be missing from any cell. */
  readonly dropped: number;
  /** What this receiver released before. */
  readonly earlier: readonly ReleasedEquation[];
}

export type Outcome =
  | { readonly kind: "released"; readonly document: ReleasedDocument; readonly equations: readonly ReleasedEquation[] }
  | { readonly kind: "withheld"; readonly reasons: readonly string[] };

/** Rules of their own beside the output rules: the bitmap's left-out rule, and the history of releases. */
const COMPLEMENT_RULE = "complementary-cell";
const GUARD_RULE = "release-guard";

export function resultOf(inputs: OutcomeInputs): { readonly outcome: Outcome; readonly bitmap: string } {
  const { layout, decoded } = inputs;
  const included = new Set(decoded.cells.map(({ atom }) => atom));
  const bitmap = encodeBitmap(layout.atoms, [...included]);
  const sums = new BigUint64Array(layoutWords(layout));
  const counts = new Array<number>(layout.atoms).fill(0);
  for (const cell of decoded.cells) {
    counts[cell.atom] = Math.max(0, cell.organisations - inputs.dropped);
    let at = cell.atom * layout.wordsPerAtom;
    for (const [index, component] of layout.components.entries()) {
      writeElement(sums, at, component.words, BigInt(cell.values[index]!));
      at += component.words;
    }
  }
  const flags = Array.from({ length: layout.atoms }, (_, atom) => included.has(atom));
  const { complements } = decoded;
  const cells = decode(layout, sums, flags, { counts, colluders: inputs.opened.constants.colluders, complements });
  const guarded = guard(inputs, included);
  const withheldSums = new Set(guarded.withheld);
  const verdicts = new Map(figureVerdicts(inputs, { cells, counts, withheldSums }));
  const published = cells.map((cell) => publish(layout, cell, verdicts));
  const withheldCells = published.filter((cell) => cell.withheld !== undefined).length;
  const reasons = [...new Set(published.flatMap((cell) => cell.withheld ?? []))];
  if (withheldCells === published.length) return { outcome: { kind: "withheld", reasons }, bitmap };
  const document: ReleasedDocument = {
    format: "sealane/result/v1",
    request: inputs.opened.request,
    computation: inputs.opened.computation,
    receiver: inputs.opened.receiver,
    contributors: [...decoded.survivors],
    cells: published,
    rules: [...OUTPUT_RULES, COMPLEMENT_RULE, GUARD_RULE],
    withheldCells,
  };
  return { outcome: { kind: "released", document, equations: guarded.equations }, bitmap };
}

function publish(layout: Layout, cell: ResultCell, verdicts: ReadonlyMap<string, string>): ResultDocumentCell {
  const { withheld, ...rest } = cell;
  const rule = withheld ?? verdicts.get(figureId(cell.group, cell.measure));
  const group = Object.fromEntries(layout.domains.map(({ name }) => [name, cell.group[name]!]));
  if (rule === undefined) return { ...rest, group };
  const { value: _value, undefined: _undefined, unit: _unit, ...named } = rest;
  return { ...named, group, value: null, withheld: rule };
}

const figureId = (group: Readonly<Record<string, string>>, measure: string): string =>
  canonicalJson({ group, measure });

/** Figure id to the first rule that withholds it. */
function* figureVerdicts(
  { opened, layout, assets, decoded }: OutcomeInputs,
  found: {
    readonly cells: readonly ResultCell[];
    readonly counts: readonly number[];
    readonly withheldSums: ReadonlySet<string>;
  },
): Generator<readonly [id: string, rule: string]> {
  const figures = decoded.cells.flatMap((cell) => {
    const codes = atomCodes(layout, cell.atom);
    const group = Object.fromEntries(layout.domains.map(({ name }, index) => [name, codes[index]!]));
    return layout.query.measures.map((measure) =>
      figureOf({
        id: figureId(group, measure.id),
        measure,
        layout,
        assets,
        cell,
        organisations: found.counts[cell.atom]!,
        results: found.cells.filter(
          (result) => result.measure === measure.id && canonicalJson(result.group) === canonicalJson(group),
        ),
        sums: wordsOf(measure.statistic).map((word) => sumId(cell.atom, componentIndex(layout, word))),
      }),
    );
  });
  const { need, minimumUnits, colluders } = opened.constants;
  for (const { id, withheldBy } of applyOutputRules(figures, { need, minimumUnits, colluders }, found.withheldSums)) {
    const [rule] = withheldBy;
    if (rule !== undefined) yield [id, rule];
  }
}

const sumId = (atom: number, component: number): string => `${atom}/${component}`;

const componentIndex = (layout: Layout, word: Layout["components"][number]["word"]): number =>
  layout.components.findIndex((component) => canonicalJson(component.word) === canonicalJson(word));

/**
 * Which sums may be published together with everything published before. Registry cells name their contributors;
 * counted cells are one set of unknown members each, so only equal sets are ever compared.
 */
function guard(
  inputs: OutcomeInputs,
  included: ReadonlySet<number>,
): { readonly withheld: readonly string[]; readonly equations: readonly ReleasedEquation[] } {
  const { opened, layout, decoded } = inputs;
  const contributorsOf = (atom: number): readonly string[] =>
    opened.cells.mode === "registry"
      ? decoded.survivors.filter((member) =>
          inAtom(opened.cells.dimensions, inputs.parties.attributes[member] ?? {}, atom),
        )
      : [`${opened.computation}/${atom}`];
  const sizes = new Map(
    opened.cells.mode === "registry" ? [] : decoded.cells.map(({ atom, organisations }) => [atom, organisations]),
  );
  const equations: ReleasedEquation[] = [];
  const hidden: ReleasedEquation[] = [];
  for (let atom = 0; atom < layout.atoms; atom++) {
    const contributors = contributorsOf(atom);
    for (const index of layout.components.keys()) {
      const organisations = sizes.get(atom);
      const equation = {
        id: sumId(atom, index),
        record: recordKey(layout, atom, index),
        contributors,
        ...(organisations === undefined ? {} : { organisations }),
      };
      if (included.has(atom)) equations.push(equation);
      else if (contributors.length > 0) hidden.push(equation);
    }
  }
  const relevant = new Set(equations.map(({ record }) => record));
  const earlier = inputs.earlier.filter(({ record }) => relevant.has(record));
  const result = guardReleases({
    earlier: earlier.map(termsOf),
    candidates: equations.map(termsOf),
    withheld: hidden.map(termsOf),
    sizes: Object.fromEntries(
      [...earlier, ...equations].flatMap(({ contributors: [set], organisations }) =>
        set === undefined || organisations === undefined ? [] : [[set, organisations]],
      ),
    ),
    colluders: opened.constants.colluders,
  });
  if (result.alreadyDetermined.length > 0) return { withheld: equations.map(({ id }) => id), equations: [] };
  const released = new Set(result.release);
  return {
    withheld: result.withhold.map(({ candidate }) => candidate),
    equations: equations.filter(({ id }) => released.has(id)),
  };
}

const termsOf = ({ id, record, contributors }: ReleasedEquation): Equation => ({
  id,
  terms: contributors.map((contributor) => ({ contributor, record, coefficient: 1n })),
});
