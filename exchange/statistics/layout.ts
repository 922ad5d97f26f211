/**
 * A layout is the fixed vector of integers that one query becomes: the same for every member of the cohort, because
 * it is a pure function of data all of them hold (the query, the assets' published metadata, the registry domains).
 *
 * Vector order: atom by atom (row-major over `dimensions`), component by component, low word first. Elements are
 * two's complement in Z_2^64 (one word) or Z_2^128 (two words).
 */
import { canonicalJson, digestOf } from "../../crypto/suites/digest.ts";
import type { Query } from "../../policies/model/query.ts";

/** Structurally the contract's CellDimension. No dimension means one atom. */
export interface LayoutDimension {
  readonly name: string;
  readonly size: number;
  readonly attribute?: { readonly name: string; readonly values: readonly string[] };
}

/** Codes of dimension i, in digit order. */
export interface LayoutDomain {
  readonly kind: "element" | "attribute";
  readonly name: string;
  readonly codes: readonly string[];
  /** Where totals are asked for: each code, and each level above, to the level that it is a part of. */
  readonly within?: Readonly<Record<string, string>>;
  /** Of a number cut into classes: one more than there are codes, ascending, integers of the common form. */
  readonly edges?: readonly string[];
}

/** Common form of one numeric element: integers are value × 10^scale, stated in `unit`. */
export interface LayoutElement {
  readonly element: string;
  /** Null where no asset declares a unit. */
  readonly unit: string | null;
  readonly scale: number;
  /** Largest |integer| any asset's declared bounds allow, decimal text. */
  readonly bound: string;
}

/**
 * One exact sum over an organisation's rows. `units` counts distinct statistical units. `moment` sums the product of
 * `factors` (none: counts rows; one: Σx; two: Σxy) over rows where every element of `complete` is valid. `registers` is
 * no sum of rows but a sketch of distinct values (registers.ts). `linear` is a weighted sum of sums (linear.ts).
 * `squares` sums the squares of organisations' totals of an element or of a weighted sum, `magnitudes` their absolute
 * values, which stand beside it where values may be negative: what rules about the largest contributors are judged by.
 */
export type Word =
  | { readonly kind: "units" }
  | { readonly kind: "registers"; readonly element: string }
  | ({ readonly kind: "squares" } & TotalName)
  | ({ readonly kind: "magnitudes" } & TotalName)
  | { readonly kind: "linear"; readonly terms: readonly LinearTerm[] }
  | { readonly kind: "moment"; readonly factors: readonly string[]; readonly complete: readonly string[] };

type TotalName = { readonly element: string } | { readonly terms: readonly LinearTerm[] };

/** `coefficient` (whole, decimal text) × Σ element over the rows that hold the code. */
export interface LinearTerm {
  readonly element: string;
  readonly where?: { readonly element: string; readonly value: string };
  readonly coefficient: string;
}

export interface Component {
  readonly word: Word;
  /** 2 where the sum over the whole cohort may leave the signed 64-bit range. */
  readonly words: 1 | 2;
  /** Elements of the component; absent: 1. A sketch has one per register and rank. */
  readonly count?: number;
  /** Largest |sum| over the whole cohort, decimal text. */
  readonly bound: string;
}

export interface LayoutAsset {
  readonly asset: string;
  readonly version: number;
  /** Digest of the asset metadata. */
  readonly metadata: string;
}

export interface Layout {
  readonly format: "sealane/layout/v1";
  /** The query with its filters in canonical order. */
  readonly query: Query;
  readonly assets: readonly LayoutAsset[];
  readonly dimensions: readonly LayoutDimension[];
  readonly domains: readonly LayoutDomain[];
  readonly elements: readonly LayoutElement[];
  readonly components: readonly Component[];
  readonly atoms: number;
  readonly wordsPerAtom: number;
  /** Rows of all assets together, as registered: the bound behind every overflow check. */
  readonly rows: number;
  /** Exact moments: a cell needs N − 1 − c ≥ this many organisations; 0 where no moment is asked for. */
  readonly momentMargin: number;
}

export const elementsIn = (component: Component): number => component.count ?? 1;

/** Where a component lies within an atom. */
export interface ComponentPlace {
  readonly offset: number;
  readonly words: 1 | 2;
  readonly count: number;
}

/** By the canonical text of each component's word. */
export function componentPlaces(layout: Pick<Layout, "components">): ReadonlyMap<string, ComponentPlace> {
  const places = new Map<string, ComponentPlace>();
  let offset = 0;
  for (const component of layout.components) {
    const { word, words } = component;
    const count = elementsIn(component);
    places.set(canonicalJson(word), { offset, words, count });
    offset += words * count;
  }
  return places;
}

/** Digest of the canonical layout document. */
export const layoutDigest = (layout: Layout): string => digestOf(layout);

/**
 * Least organisations per cell that this layout itself demands (secure-aggregation.md §4): 0 without moments. The
 * opening record's `minimumOrganisations` is the largest of this and every policy's own minimum.
 */
export const layoutMinimumOrganisations = (layout: Layout, colluders: number): number =>
  layout.momentMargin === 0 ? 0 : layout.momentMargin + 1 + colluders;

/** Words of the full vector. */
export const layoutWords = (layout: Layout): number => layout.atoms * layout.wordsPerAtom;

/** Code per dimension of one atom, in dimension order. */
export function atomCodes(layout: Layout, atom: number): readonly string[] {
  const codes: string[] = [];
  let rest = atom;
  for (let i = layout.domains.length - 1; i >= 0; i--) {
    const domain = layout.domains[i]!;
    codes.unshift(domain.codes[rest % domain.codes.length]!);
    rest = Math.floor(rest / domain.codes.length);
  }
  return codes;
}

/** Inverse of `atomCodes`; undefined where a code is outside its domain. */
export function atomIndex(layout: Layout, codes: readonly string[]): number | undefined {
  let atom = 0;
  for (const [i, domain] of layout.domains.entries()) {
    const digit = domain.codes.indexOf(codes[i] ?? "");
    if (digit < 0) return undefined;
    atom = atom * domain.codes.length + digit;
  }
  return atom;
}

/**
 * What the differencing history compares: the statistic word and the record-level predicate (filters, period, digits
 * of element dimensions). Units and registry attributes are left out: the former do not change what is learnt, the
 * latter only the contributing set.
 */
export const recordKey = (layout: Layout, atom: number, component: number): string =>
  canonicalJson(recordParts(layout, atomCodes(layout, atom), component));

/** Code for each dimension; as a margin has it also a level of codes, or undefined: all of them. */
export type CellCodes = readonly (string | undefined)[];

function recordParts(layout: Layout, codes: CellCodes, component: number) {
  const levels = layout.domains.flatMap((domain, i) => {
    const leaves = codes[i] === undefined ? undefined : levelsOf(domain).get(codes[i]);
    return leaves === undefined ? [] : [{ element: domain.name, operator: "isAnyOf" as const, values: [...leaves] }];
  });
  return {
    word: layout.components[component]!.word,
    filters: levels.length === 0 ? layout.query.filters : inOrder([...layout.query.filters, ...levels]),
    period: layout.query.period ?? null,
    cell: layout.domains.flatMap((domain, i) =>
      domain.kind === "element" && codes[i] !== undefined && !levelsOf(domain).has(codes[i])
        ? [{ [domain.name]: codes[i] }]
        : [],
    ),
  };
}

const inOrder = (filters: Query["filters"]): Query["filters"] =>
  filters.toSorted((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1));

const known = new WeakMap<LayoutDomain, ReadonlyMap<string, readonly string[]>>();

/** Levels of a hierarchy of codes, each with the codes below it, ascending; empty for a flat domain. */
export function levelsOf(domain: LayoutDomain): ReadonlyMap<string, readonly string[]> {
  const before = known.get(domain);
  if (before !== undefined) return before;
  const levels = new Map<string, string[]>();
  for (const code of domain.codes) {
    for (let up = aboveOf(domain, code); up !== undefined; up = aboveOf(domain, up)) {
      levels.set(up, [...(levels.get(up) ?? []), code]);
    }
  }
  known.set(domain, levels);
  return levels;
}

/** The level that a code or a level is a part of; undefined: none but the total. */
export const aboveOf = ({ within = {} }: Pick<LayoutDomain, "within">, code: string): string | undefined =>
  Object.hasOwn(within, code) ? within[code] : undefined;

/** Of a weighted sum, each term's key, as if that sum stood alone. */
export const termKeys = (layout: Layout, atom: number, component: number): readonly string[] =>
  termParts(layout, atomCodes(layout, atom), component).map((parts) => canonicalJson(parts));

function termParts(layout: Layout, codes: CellCodes, component: number) {
  const { word } = layout.components[component]!;
  if (word.kind !== "linear") return [];
  const whole = recordParts(layout, codes, component);
  return word.terms.map(({ element, where }) => {
    const limit = where && { element: where.element, operator: "eq" as const, values: [where.value] };
    const filters = limit === undefined ? whole.filters : [...whole.filters, limit];
    const term = { kind: "moment", factors: [element], complete: [element] };
    return { ...whole, word: term, filters: inOrder(filters) };
  });
}

/** As `recordKey`, with the cut that each class is of: only classes of one cut add up to their total. */
export function sumRecords(layout: Layout): (codes: CellCodes, component: number) => string {
  const cut = cutsOf(layout);
  return (codes, component) => canonicalJson({ ...recordParts(layout, codes, component), ...cut });
}

/** As `termKeys`, the same way. */
export function termRecords(layout: Layout): (codes: CellCodes, component: number) => readonly string[] {
  const cut = cutsOf(layout);
  return (codes, component) => termParts(layout, codes, component).map((parts) => canonicalJson({ ...parts, ...cut }));
}

function cutsOf({ domains }: Layout): { readonly cuts?: Readonly<Record<string, string>> } {
  const classed = domains.filter(({ edges }) => edges !== undefined);
  if (classed.length === 0) return {};
  return { cuts: Object.fromEntries(classed.map(({ name, codes }) => [name, digestOf(codes)])) };
}

/** The words of included atoms only, in order: what phase 2 sends. */
export function selectIncluded(layout: Layout, values: BigUint64Array, included: readonly boolean[]): BigUint64Array {
  const { atoms, wordsPerAtom } = layout;
  let kept = 0;
  for (let atom = 0; atom < atoms; atom++) if (included[atom]) kept++;
  const out = new BigUint64Array(kept * wordsPerAtom);
  let at = 0;
  for (let atom = 0; atom < atoms; atom++) {
    if (!included[atom]) continue;
    out.set(values.subarray(atom * wordsPerAtom, (atom + 1) * wordsPerAtom), at);
    at += wordsPerAtom;
  }
  return out;
}

/** Inverse of `selectIncluded`: the full vector with zeros for left-out atoms. */
export function expandIncluded(layout: Layout, words: BigUint64Array, included: readonly boolean[]): BigUint64Array {
  const out = new BigUint64Array(layoutWords(layout));
  let at = 0;
  for (let atom = 0; atom < layout.atoms; atom++) {
    if (!included[atom]) continue;
    for (let i = 0; i < layout.wordsPerAtom; i++) out[atom * layout.wordsPerAtom + i] = words[at++]!;
  }
  if (at !== words.length) throw new RangeError(`words: expected ${at} for the included atoms, got ${words.length}`);
  return out;
}
