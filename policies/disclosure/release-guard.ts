/**
 * No set of released results may determine a withheld cell. Releases are linear equations over unknowns
 * (contributor × record key); a hidden value is determined exactly when its vector lies in their row space. Exact:
 * integer elimination, no floating point. It guards against exact disclosure; intervals are the linear program's job.
 */
import { createEchelon, type Vector } from "./echelon.ts";

/** An unknown: what one contributor put into one record key (statistic word + record-level predicate). */
export interface Term {
  /** Organisation, or the id of a set of organisations that is only known by its size (counted mode). */
  readonly contributor: string;
  readonly record: string;
  readonly coefficient: bigint;
}
export interface Equation {
  readonly id: string;
  readonly terms: readonly Term[];
}
export interface GuardInput {
  /** Already released or publicly known; cannot be taken back. */
  readonly earlier: readonly Equation[];
  /** What the present release would publish: cells and margins. */
  readonly candidates: readonly Equation[];
  /** Atoms that must stay hidden. */
  readonly withheld: readonly Equation[];
  /** Organisations a contributor id stands for; absent: 1. */
  readonly sizes?: Readonly<Record<string, number>>;
  /** Assumed colluders, each of which also knows its own values. Default 0. */
  readonly colluders?: number;
  /**
   * No combination of releases may concern fewer organisations than this. Default 2 + colluders: no single value is
   * ever determined. Every set of fewer organisations is tried, so keep it small where contributors differ.
   */
  readonly minimumOrganisations?: number;
}
export interface Suppression {
  readonly candidate: string;
  /** What it would have determined: id of a withheld equation, or the contributors "a+b" whose joint value it opens. */
  readonly protects: string;
}
export interface GuardResult {
  /** Ids of candidates that may be published, in input order. */
  readonly release: readonly string[];
  /** Further cells to withhold (complementary suppression), in the order they were found. */
  readonly withhold: readonly Suppression[];
  /** Hidden values that `earlier` alone determines: the caller withholds the whole release. */
  readonly alreadyDetermined: readonly string[];
}

export const MAX_GUARD_VIEWS = 20_000;

/**
 * Deterministic: candidates are admitted from the most contributors to the fewest, ties from last to first, so that
 * the first of the smallest is withheld first, as in the contract's left-out rule. One that would determine a hidden
 * value is withheld; admitting more later can never make it harmless, so one pass finds a maximal safe set.
 * Throws RangeError when the sets of organisations to try exceed MAX_GUARD_VIEWS.
 */
export function guardReleases(input: GuardInput): GuardResult {
  const model = modelOf(input);
  const views = viewsOf(model, input);
  const released = createEchelon();
  const admit = (vector: Vector) => {
    if (released.add(vector)) for (const view of views) view.admit(vector);
  };
  for (const equation of input.earlier) admit(model.vector(equation));
  const alreadyDetermined = new Set<string>();
  for (const view of views) for (const name of view.broken()) alreadyDetermined.add(name);

  const admitted = new Set<string>();
  const withhold: Suppression[] = [];
  for (const candidate of admissionOrder(input.candidates, model.organisations)) {
    const vector = model.vector(candidate);
    // What follows from admitted releases tells nothing new.
    const news = released.reduce(vector).size > 0;
    const protects = news ? firstDetermined(views, vector) : undefined;
    if (protects !== undefined) {
      withhold.push({ candidate: candidate.id, protects });
      continue;
    }
    admit(vector);
    admitted.add(candidate.id);
  }
  const release = input.candidates.map(({ id }) => id).filter((id) => admitted.has(id));
  return { release, withhold, alreadyDetermined: [...alreadyDetermined] };
}

function firstDetermined(views: readonly View[], vector: Vector): string | undefined {
  for (const view of views) {
    const name = view.wouldDetermine(vector);
    if (name !== undefined) return name;
  }
  return undefined;
}

const admissionOrder = (
  candidates: readonly Equation[],
  organisations: (equation: Equation) => number,
): readonly Equation[] =>
  candidates
    .map((equation, index) => ({ equation, index, size: organisations(equation) }))
    .sort((a, b) => b.size - a.size || b.index - a.index)
    .map(({ equation }) => equation);

/** Contributors with equal coefficients everywhere: no combination of releases tells them apart. */
interface ContributorClass {
  readonly members: readonly string[];
  readonly organisations: number;
}
interface Model {
  readonly classes: readonly ContributorClass[];
  /** Columns of one class. */
  columns(index: number): ReadonlySet<number>;
  vector(equation: Equation): Vector;
  organisations(equation: Equation): number;
}

function modelOf(input: GuardInput): Model {
  const equations = [...input.earlier, ...input.candidates, ...input.withheld];
  const patterns = new Map<string, string[]>();
  equations.forEach((equation, position) => {
    for (const { contributor, record, coefficient } of collect(equation).values()) {
      if (coefficient === 0n) continue;
      const pattern = patterns.get(contributor) ?? [];
      pattern.push(JSON.stringify([position, record, coefficient.toString()]));
      patterns.set(contributor, pattern);
    }
  });
  const size = (contributor: string) => {
    const { sizes } = input;
    return sizes !== undefined && Object.hasOwn(sizes, contributor) ? (sizes[contributor] ?? 1) : 1;
  };
  const byPattern = new Map<string, string[]>();
  for (const [contributor, pattern] of patterns) {
    const key = pattern.sort().join();
    byPattern.set(key, [...(byPattern.get(key) ?? []), contributor]);
  }
  const classes = [...byPattern.values()].map((members) => ({
    members,
    organisations: members.reduce((total, member) => total + size(member), 0),
  }));
  const classOf = new Map(classes.flatMap(({ members }, index) => members.map((member) => [member, index] as const)));
  const columns = new Map<string, number>();
  const columnsOf = classes.map(() => new Set<number>());
  const column = (index: number, record: string): number => {
    const key = `${index} ${record}`;
    const known = columns.get(key);
    if (known !== undefined) return known;
    const fresh = columns.size;
    columns.set(key, fresh);
    columnsOf[index]?.add(fresh);
    return fresh;
  };
  const vectors = new Map<Equation, Vector>();
  for (const equation of equations) {
    const vector = new Map<number, bigint>();
    for (const { contributor, record, coefficient } of collect(equation).values()) {
      const index = classOf.get(contributor);
      if (coefficient !== 0n && index !== undefined) vector.set(column(index, record), coefficient);
    }
    vectors.set(equation, vector);
  }
  return {
    classes,
    columns: (index) => columnsOf[index] ?? new Set(),
    vector: (equation) => vectors.get(equation) ?? new Map(),
    organisations: (equation) =>
      [...new Set(equation.terms.map(({ contributor }) => contributor))].reduce((total, one) => total + size(one), 0),
  };
}

/** Terms of one unknown added up. */
function collect(equation: Equation): Map<string, Term> {
  const terms = new Map<string, Term>();
  for (const term of equation.terms) {
    const key = JSON.stringify([term.contributor, term.record]);
    const before = terms.get(key)?.coefficient ?? 0n;
    terms.set(key, { ...term, coefficient: before + term.coefficient });
  }
  return terms;
}

/** What the releases tell when some organisations are set aside. Only independent vectors are shown to a view. */
interface View {
  admit(vector: Vector): void;
  wouldDetermine(vector: Vector): string | undefined;
  broken(): readonly string[];
}

function viewsOf(model: Model, input: GuardInput): readonly View[] {
  const colluders = input.colluders ?? 0;
  const minimum = input.minimumOrganisations ?? 2 + colluders;
  const hidden = input.withheld
    .map((equation) => ({ id: equation.id, vector: model.vector(equation) }))
    .filter(({ vector }) => vector.size > 0);
  const views: View[] = [hiddenView(hidden, (vector) => vector)];
  for (const set of smallSets(model.classes, Math.max(minimum - 1, colluders))) {
    const aside = new Set(set.flatMap((index) => [...model.columns(index)]));
    const strip = (vector: Vector): Vector => new Map([...vector].filter(([column]) => !aside.has(column)));
    const organisations = set.reduce((total, index) => total + (model.classes[index]?.organisations ?? 0), 0);
    if (organisations < minimum) {
      views.push(setView(set.flatMap((index) => model.classes[index]?.members ?? []).join("+"), strip));
    }
    if (organisations <= colluders) {
      const rest = hidden.filter(({ vector }) => strip(vector).size > 0);
      views.push(hiddenView(rest, strip));
    }
    if (views.length > MAX_GUARD_VIEWS) {
      throw new RangeError(`release guard: more than ${MAX_GUARD_VIEWS} sets of organisations; lower the minimum`);
    }
  }
  return views;
}

/** Every set of classes that stands for at most `limit` organisations. */
function* smallSets(classes: readonly ContributorClass[], limit: number, from = 0): Generator<readonly number[]> {
  for (let index = from; index < classes.length; index++) {
    const { organisations } = classes[index] as ContributorClass;
    if (organisations > limit) continue;
    yield [index];
    for (const rest of smallSets(classes, limit - organisations, index + 1)) yield [index, ...rest];
  }
}

/** Withheld vectors against the row space, with the colluders' own columns struck out. */
function hiddenView(
  hidden: readonly { readonly id: string; readonly vector: Vector }[],
  strip: (vector: Vector) => Vector,
): View {
  const echelon = createEchelon();
  // Kept reduced, so that "the row space plus this vector holds it" is "it is a multiple of the reduced vector".
  let residues = hidden.map(({ id, vector }) => ({ id, rest: strip(vector) }));
  return {
    admit(vector) {
      if (!echelon.add(strip(vector))) return;
      residues = residues.map(({ id, rest }) => ({ id, rest: echelon.reduce(rest) }));
    },
    wouldDetermine(vector) {
      const reduced = echelon.reduce(strip(vector));
      if (reduced.size === 0) return undefined;
      return residues.find(({ rest }) => isMultiple(rest, reduced))?.id;
    },
    broken: () => residues.filter(({ rest }) => rest.size === 0).map(({ id }) => id),
  };
}

/**
 * A combination of releases that concerns only this set exists exactly when striking out its columns lowers the rank,
 * that is, when a release is independent with them and dependent without.
 */
function setView(name: string, strip: (vector: Vector) => Vector): View {
  const others = createEchelon();
  let opened = false;
  return {
    admit(vector) {
      if (!others.add(strip(vector))) opened = true;
    },
    wouldDetermine: (vector) => (others.reduce(strip(vector)).size > 0 ? undefined : name),
    broken: () => (opened ? [name] : []),
  };
}

function isMultiple(a: Vector, b: Vector): boolean {
  if (a.size !== b.size || a.size === 0) return false;
  const [first] = a;
  if (first === undefined) return false;
  const [at, left] = first;
  const right = b.get(at);
  if (right === undefined) return false;
  return [...a].every(([column, value]) => value * right === (b.get(column) ?? 0n) * left);
}
