/**
 * From decoded sums to a result document: figures, output rules, release guard. Pure; what is withheld is named by the
 * rule that withheld it.
 */
import { encodeBitmap } from "../../crypto/secagg/cells.ts";
import type { Parties } from "../../crypto/secagg/opened.ts";
import type { Decoded } from "../../crypto/secagg/step.ts";
import { canonicalJson, digestOf } from "../../crypto/suites/digest.ts";
import {
  applyOutputRules,
  type Figure,
  OUTPUT_RULES,
  type OutputRule,
} from "../../policies/disclosure/output-rules.ts";
import type { Solver } from "../../policies/disclosure/solver.ts";
import { namesLargest, type OutputTerms } from "../../policies/model/output-terms.ts";
import type { ResultCell } from "../statistics/decode.ts";
import { componentPlaces, type Layout, levelsOf } from "../statistics/layout.ts";
import { quantileCells } from "../statistics/quantiles.ts";
import { readElement, writeElement } from "../statistics/vector.ts";
import { wordsOf } from "../statistics/words.ts";
import type { LayoutDocument } from "./documents.ts";
import { figureOf } from "./figures.ts";
import { judgeMargins } from "./judged-margins.ts";
import { judgeTotals, type PresentTotal, presentTotals } from "./judged-totals.ts";
import type { OpenBody } from "./opening.ts";
import { errorVariance, type OpenedPrivacy } from "./privacy.ts";
import { rangesOf } from "./record-ranges.ts";
import { codeDomains } from "./record-relations.ts";
import {
  type CheckedRelease,
  type CountedIn,
  checkRelease,
  type SumEquation,
  type TotalFacts,
} from "./release-check.ts";
import type { ReleasedSums } from "./released-sums.ts";
import { marginSums, type ResultTable, resultTable } from "./result-table.ts";
import { baseOf, inSteps, type PresentSum, roundedSums, wordOf } from "./rounded-sums.ts";
import { stepsOf } from "./steps.ts";

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
  /** What the policies want of a release; absent where none of them says anything of it. */
  readonly outputRules?: OutputRules;
  /** What this release cost each organisation's privacy account, and the noise in it, as it was opened. */
  readonly privacy?: OpenedPrivacy;
}
/** OutputTerms as a part of the document. */
type OutputRules = {
  -readonly [K in keyof OutputTerms]: NonNullable<OutputTerms[K]> extends readonly (infer T)[] ? T[] : OutputTerms[K];
};
export type ResultDocumentCell = Omit<ResultCell, "withheld" | "group"> & {
  readonly group: Record<string, string>;
  readonly withheld?: string;
};

export interface OutcomeInputs {
  readonly opened: OpenBody;
  readonly layout: Layout;
  readonly assets: LayoutDocument["assets"];
  readonly parties: Pick<Parties, "attributes">;
  readonly decoded: Decoded;
  /** Members of S1 that are not in S2 (counted mode): each may be missing from any cell. */
  readonly dropped: number;
  /** What this receiver published or withheld before. */
  readonly earlier: Pick<ReleasedSums, "like">;
  /** Holding groups of all members in the present and the earlier sums. */
  readonly groups: Readonly<Record<string, string>>;
  readonly output: OutputTerms;
  /** Where rules about the largest contributors are to be judged. */
  readonly solver?: Solver;
  /** Withheld whatever the rules say. */
  readonly alsoWithheld?: readonly Pick<WithheldFigure, "group" | "measure">[];
  readonly isLate?: () => boolean;
}

export type Outcome = {
  readonly equations: readonly SumEquation[];
  /** Why each withheld figure is: for the receiver's own people alone. */
  readonly withheldFigures: readonly WithheldFigure[];
} & (
  | { readonly kind: "released"; readonly document: ReleasedDocument }
  | { readonly kind: "withheld"; readonly reasons: readonly string[] }
);

export interface WithheldFigure {
  readonly group: Readonly<Record<string, string>>;
  readonly measure: string;
  readonly part?: string;
  /** Ids of output rules, the strongest first. */
  readonly rules: readonly string[];
}

/**
 * What is published of every withheld figure, whichever rule it was: who knows which one was too small by itself, and
 * which is only withheld beside it, has the narrower question to answer.
 */
export const WITHHELD = "disclosure-control";

/** Rules of their own beside the output rules: the bitmap's left-out rule, and the history of releases. */
const COMPLEMENT_RULE = "complementary-cell";
const GUARD_RULE = "release-guard";

export function resultOf(inputs: OutcomeInputs): { readonly outcome: Outcome; readonly bitmap: string } {
  const { layout, decoded } = inputs;
  const bitmap = encodeBitmap(
    layout.atoms,
    decoded.cells.map(({ atom }) => atom),
  );
  const table = resultTable(inputs);
  const options = {
    colluders: inputs.opened.constants.colluders,
    ...(inputs.opened.privacy === undefined ? {} : { variance: varianceIn(inputs, table) }),
  };
  const cells = table.decoded(table.vector, options);
  const figures = figuresOf(inputs, table, cells);
  const totals = totalsOf(inputs, table);
  const guarded = guard(inputs, table, ruledOut(inputs, figures, totals.withheld), totals.facts);
  const rounded = rounding(inputs, table, guarded);
  const byGuard = guarded.withheld.map((id) => [id, "sum-withheld"] as const);
  const verdicts = verdictsOf(inputs, figures, new Map([...byGuard, ...totals.withheld]));
  const told = rounded === undefined ? cells : table.decoded(rounded.vector, options);
  const ofAtoms = told.map((cell) => publish(cell, verdicts));
  const all: ResultDocumentCell[] = [...ofAtoms, ...quantileCells(layout, ofAtoms)];
  const withheldFigures = all.flatMap((cell) => whyWithheld(cell, verdicts));
  if (withheldFigures.length === all.length) {
    // Nothing is published, so what later releases must not give away is all of it.
    const equations = guarded.equations.map((one) => ({ ...one, withheld: true as const }));
    return { outcome: { kind: "withheld", reasons: [WITHHELD], equations, withheldFigures }, bitmap };
  }
  const document: ReleasedDocument = {
    format: "sealane/result/v1",
    request: inputs.opened.request,
    computation: inputs.opened.computation,
    receiver: inputs.opened.receiver,
    contributors: [...decoded.survivors],
    cells: all.map((cell) => (cell.withheld === undefined ? cell : { ...cell, withheld: WITHHELD })),
    rules: [...OUTPUT_RULES, COMPLEMENT_RULE, GUARD_RULE],
    withheldCells: withheldFigures.length,
    ...(saysNothing(inputs.output) ? {} : { outputRules: rulesIn(inputs.output) }),
    ...(inputs.opened.privacy === undefined ? {} : { privacy: inputs.opened.privacy }),
  };
  const equations = rounded?.equations ?? guarded.equations;
  return { outcome: { kind: "released", document, equations, withheldFigures }, bitmap };
}

/** Everything that is published of a release whose policies want rounded figures follows from this vector. */
function rounding(inputs: OutcomeInputs, table: ResultTable, { equations }: CheckedRelease) {
  const { layout, assets, output, earlier, solver, isLate = () => false } = inputs;
  if (output.rounding === undefined) return undefined;
  const stated = output.rounding;
  const places = componentPlaces(layout);
  const bases = layout.components.map(({ word }) => baseOf(word, stated, layout));
  const steps = new Map(layout.components.map(({ word }) => [canonicalJson(word), stepsOf(word, layout)]));
  const stepsIn = ({ record }: SumEquation) => steps.get(wordOf(record));
  const placed = new Map<string, { readonly offset: number; readonly words: 1 | 2 }>();
  const told = new Map(equations.flatMap((one) => (one.withheld === true ? [] : [[one.id, one] as const])));
  const present: PresentSum[] = [];
  for (const { atom } of table.cells) {
    for (const [component, { word }] of layout.components.entries()) {
      const [base, equation] = [bases[component], told.get(sumId(atom, component))];
      if (base === undefined || equation === undefined) continue;
      const { offset, words } = places.get(canonicalJson(word))!;
      const at = atom * layout.wordsPerAtom + offset;
      placed.set(equation.id, { offset: at, words });
      present.push({ equation, value: readElement(table.vector, at, words), base });
    }
  }
  const found = roundedSums({
    present,
    earlier: earlier
      .like(new Set(present.map(({ equation }) => equation.record)))
      .map((one) => inSteps(one, stepsIn(one))),
    domains: codeDomains(assets),
    sums: layout.components.flatMap((_, component) =>
      marginSums(table, layout.domains).map(({ total, parts }) => ({
        total: sumId(total, component),
        parts: parts.map((part) => sumId(part, component)),
      })),
    ),
    solver,
    isLate,
  });
  const vector = table.vector.slice();
  for (const [id, value] of found) writeElement(vector, placed.get(id)!.offset, placed.get(id)!.words, value);
  const remembered = equations.map((one) => {
    const value = found.get(one.id);
    return value === undefined ? one : { ...one, rounded: value.toString(), steps: stepsIn(one)! };
  });
  return { vector, equations: remembered };
}

const varianceIn = (inputs: OutcomeInputs, table: ResultTable) => (atom: number, component: number) =>
  errorVariance(inputs.opened, inputs.parties, {
    atom,
    component,
    contributors: table.contributorsOf(atom).length,
  });

function whyWithheld(
  { group, measure, part, withheld }: ResultDocumentCell,
  verdicts: ReadonlyMap<string, readonly OutputRule[]>,
): readonly WithheldFigure[] {
  if (withheld === undefined) return [];
  const rules = [...new Set([withheld, ...(verdicts.get(figureId(group, measure)) ?? [])])];
  return [{ group, measure, ...(part === undefined ? {} : { part }), rules }];
}

function publish(cell: ResultCell, verdicts: ReadonlyMap<string, readonly OutputRule[]>): ResultDocumentCell {
  const { withheld, ...rest } = cell;
  const rule = withheld ?? verdicts.get(figureId(cell.group, cell.measure))?.[0];
  const group = { ...cell.group };
  if (rule === undefined) return { ...rest, group };
  const { value: _value, undefined: _undefined, unit: _unit, standardError: _error, ...named } = rest;
  return { ...named, group, value: null, withheld: rule };
}

const figureId = (group: Readonly<Record<string, string>>, measure: string): string =>
  canonicalJson({ group, measure });

function figuresOf(
  { assets }: OutcomeInputs,
  { layout, vector, cells: there, counts, groupOf }: ResultTable,
  cells: readonly ResultCell[],
): readonly Figure[] {
  const results = Map.groupBy(cells, ({ group, measure }) => figureId(group, measure));
  return there.flatMap((cell) => {
    const group = groupOf(cell.atom);
    return layout.query.measures.map((measure) => {
      const id = figureId(group, measure.id);
      return figureOf({
        id,
        measure,
        layout,
        assets,
        cell,
        vector,
        organisations: counts[cell.atom]!,
        results: results.get(id) ?? [],
        sums: wordsOf(measure, layout.elements).flatMap((word) => {
          const component = componentIndex(layout, word);
          return [sumId(cell.atom, component), ...termIds(layout, cell.atom, component)];
        }),
      });
    });
  });
}

/** Figure id to the rules that withhold it. */
function verdictsOf(
  { opened, output: { zeroCells }, alsoWithheld = [] }: OutcomeInputs,
  figures: readonly Figure[],
  withheldSums: ReadonlyMap<string, OutputRule>,
): ReadonlyMap<string, readonly OutputRule[]> {
  const { need, minimumUnits, colluders } = opened.constants;
  const verdicts = applyOutputRules(figures, { need, minimumUnits, colluders, zeroCells }, withheldSums);
  const byReview = new Set(alsoWithheld.map(({ group, measure }) => figureId(group, measure)));
  return new Map(
    verdicts.flatMap(({ id, withheldBy }) => {
      const rules = byReview.has(id) ? [...withheldBy, "review" as const] : withheldBy;
      return rules.length === 0 ? [] : [[id, rules]];
    }),
  );
}

/** Sums that only withheld figures are computed from. */
function ruledOut(
  inputs: OutcomeInputs,
  figures: readonly Figure[],
  totals: ReadonlyMap<string, OutputRule>,
): ReadonlySet<string> {
  const verdicts = verdictsOf(inputs, figures, totals);
  const out = new Set(figures.flatMap(({ sums }) => sums));
  for (const { id, sums } of figures) if (!verdicts.has(id)) for (const sum of sums) out.delete(sum);
  return out;
}

const sumId = (atom: number, component: number): string => `${atom}/${component}`;

/** Of the sums in a weighted one. */
const termIds = ({ components }: Layout, atom: number, component: number): readonly string[] => {
  const { word } = components[component]!;
  return word.kind === "linear" ? word.terms.map((_, term) => `${sumId(atom, component)}/${term}`) : [];
};

const componentIndex = (layout: Layout, word: Layout["components"][number]["word"]): number =>
  layout.components.findIndex((component) => canonicalJson(component.word) === canonicalJson(word));

/** By id of its sum: what is known of each total, and the rule that withholds it. */
function totalsOf(inputs: OutcomeInputs, table: ResultTable) {
  const { dropped, opened, output, solver, isLate = () => false } = inputs;
  const { layout, vector, cells, recordOf, contributorsOf } = table;
  // Squares over codes of a table are only bounded.
  const isBound = (atom: number) =>
    table.codesOf(atom).some((code, i) => {
      const domain = inputs.layout.domains[i]!;
      return domain.kind === "element" && (code === undefined || levelsOf(domain).has(code));
    });
  const present = presentTotals({ layout, vector, cells, dropped, recordOf, contributorsOf, isBound });
  const earlier = inputs.earlier.like(new Set(present.map(({ record }) => record)));
  const judges = { output, need: opened.constants.need, groups: inputs.groups, solver, isLate };
  const ofTable = judgeMargins({ table, domains: inputs.layout.domains, present, earlier }, judges);
  const found = new Map([
    ...judgeTotals(present, earlier, { ...judges, isJudged: table.margins.length > 0 }),
    ...ofTable,
  ]);
  const idOf = ({ atom, component }: PresentTotal) => sumId(atom, component);
  return {
    facts: new Map(present.map((one) => [idOf(one), one.facts])),
    withheld: new Map([...found].map(([one, rule]) => [idOf(one), rule])),
  };
}

const rulesIn = ({ dominance, pq, rounding: bases, ...rest }: OutputTerms): OutputRules => ({
  ...rest,
  ...(bases === undefined ? {} : { rounding: [...bases] }),
  dominance: [...dominance],
  pq: [...pq],
});

const saysNothing = (output: OutputTerms): boolean =>
  !namesLargest(output) &&
  output.zeroCells === "withheld" &&
  output.review === undefined &&
  output.rounding === undefined;

/** By atom, in counted mode; undefined where whoever is in the registry's cell is in the sum. */
function countedIn({ opened, layout, dropped }: OutcomeInputs, { cells }: ResultTable) {
  if (opened.cells.mode !== "counted") return undefined;
  const { need } = opened.constants;
  const counts = new Map(cells.map(({ atom, organisations }) => [atom, organisations]));
  return (atom: number, all: number): CountedIn => {
    const organisations = counts.get(atom);
    if (organisations === undefined) return { least: 0, most: all, need };
    const most = atom < layout.atoms ? Math.min(organisations, all) : all;
    return { least: Math.max(0, organisations - dropped), most, need };
  };
}

/** The left-out rule: what is left out of a line of the table is of nobody, or of as many as a cell (decision 102). */
function leftOutTogether({ layout, dropped, opened }: OutcomeInputs, { included, codesOf, recordOf }: ResultTable) {
  const least = Math.max(0, opened.constants.need - dropped);
  const lines = new Map<string, number[]>();
  const linesOf = (atom: number): readonly string[] => {
    const codes = codesOf(atom);
    return codes.map((_, open) => canonicalJson(codes.map((code, at) => (at === open ? null : code!))));
  };
  for (let atom = 0; atom < layout.atoms; atom++) {
    if (included.has(atom)) continue;
    for (const line of linesOf(atom)) {
      const left = lines.get(line);
      if (left === undefined) lines.set(line, [atom]);
      else left.push(atom);
    }
  }
  const held = new Set([...included].filter((atom) => atom < layout.atoms).flatMap(linesOf));
  const names = new Map<string, string>();
  const nameOf = (line: string, component: number): string => {
    const key = `${component} ${line}`;
    const known = names.get(key);
    if (known !== undefined) return known;
    const name = digestOf({ line, records: lines.get(line)!.map((atom) => recordOf(atom, component)) });
    names.set(key, name);
    return name;
  };
  return (atom: number, component: number) =>
    linesOf(atom)
      .filter((line) => held.has(line))
      .map((line) => ({ name: nameOf(line, component), least }));
}

/** Contributors by the registry: in counted mode whoever has nothing in a cell has put zero into it. */
function guard(
  inputs: OutcomeInputs,
  table: ResultTable,
  ruledOutSums: ReadonlySet<string>,
  factsOf: ReadonlyMap<string, TotalFacts>,
): CheckedRelease {
  const { opened, layout, assets, earlier } = inputs;
  const candidates: SumEquation[] = [];
  const leftOut: SumEquation[] = [];
  const byRules: SumEquation[] = [];
  const countsOf = countedIn(inputs, table);
  const togetherOf = countsOf && leftOutTogether(inputs, table);
  for (let atom = 0; atom < table.layout.atoms; atom++) {
    const isIn = table.included.has(atom);
    // A margin that is not there is nobody's secret: what is left out in it is.
    if (!isIn && atom >= layout.atoms) continue;
    const contributors = table.contributorsOf(atom);
    if (contributors.length === 0) continue;
    const among = countsOf?.(atom, contributors.length);
    for (const [index, { word }] of layout.components.entries()) {
      // No figure shows them, and no sum of values follows from them.
      if (word.kind === "squares" || word.kind === "magnitudes") continue;
      const id = sumId(atom, index);
      const facts = factsOf.get(id);
      const known = facts === undefined ? {} : { facts };
      const counted =
        among === undefined ? {} : { counted: isIn ? among : { ...among, together: togetherOf!(atom, index) } };
      const into = !isIn ? leftOut : ruledOutSums.has(id) ? byRules : candidates;
      into.push({ id, record: table.recordOf(atom, index), contributors, ...counted, ...known });
      // As if each sum in it were published: a few weighted sums, solved, give those.
      const ids = termIds(layout, atom, index);
      for (const [t, record] of table.termsOf(atom, index).entries()) {
        into.push({ id: ids[t]!, record, contributors, ...counted });
      }
    }
  }
  return checkRelease({
    earlier: earlier.like([...candidates, ...leftOut, ...byRules].map(({ record }) => record)),
    candidates,
    leftOut,
    ruledOut: byRules,
    domains: codeDomains(assets),
    ranges: rangesOf(assets),
    colluders: opened.constants.colluders,
    groups: inputs.groups,
  });
}
