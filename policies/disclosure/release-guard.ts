/**
 * No set of released results may determine a withheld cell. Releases are linear equations over unknowns
 * (contributor × record key); a hidden value is determined exactly when its vector lies in their row space. Exact:
 * integer elimination, no floating point. It guards against exact disclosure; intervals are the linear program's job.
 */
import { createEchelon, type Vector } from "./echelon.ts";
import { type Contributors, type Equation, type Fold, type Relation, type Vectors, vectorsOf } from "./equations.ts";

export type { Equation } from "./equations.ts";

export interface GuardInput extends Contributors {
  /** Already released or publicly known; cannot be taken back. */
  readonly earlier: readonly Equation[];
  /** What the present release would publish: cells and margins. */
  readonly candidates: readonly Equation[];
  /** Atoms that must stay hidden. */
  readonly withheld: readonly Equation[];
  /** What holds between record keys, for example that a total is the sum of its years. Default none. */
  readonly relations?: readonly Relation[];
  /** Assumed colluders, each of which also knows its own values. Default 0. */
  readonly colluders?: number;
  /**
   * No combination of releases may concern fewer organisations than this. Default 2 + colluders: no single value is
   * ever determined. Every set of fewer organisations is tried.
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

/** Above this many sets of organisations nothing is proven and everything is withheld, protecting "unproven". */
export const MAX_GUARD_VIEWS = 2000;
export const UNPROVEN = "unproven";

/**
 * Deterministic: candidates are admitted from the most contributors to the fewest, ties from last to first, so that
 * the first of the smallest is withheld first, as in the contract's left-out rule. One that would determine a hidden
 * value is withheld; admitting more later can never make it harmless, so one pass finds a maximal safe set.
 */
export function guardReleases(input: GuardInput): GuardResult {
  const vectors = vectorsOf([...input.earlier, ...input.candidates], input.withheld, input, input.relations);
  const views = viewsOf(vectors, input);
  if (views === undefined) {
    const withhold = input.candidates.map(({ id }) => ({ candidate: id, protects: UNPROVEN }));
    return { release: [], withhold, alreadyDetermined: [] };
  }
  const released = createEchelon();
  for (const vector of vectors.relations) {
    if (released.add(vector)) for (const view of views) view.know(vector);
  }
  const admit = (vector: Vector) => {
    if (released.add(vector)) for (const view of views) view.admit(vector);
  };
  for (const equation of input.earlier) admit(vectors.of(equation));
  const alreadyDetermined = [...new Set(views.flatMap((view) => view.broken()))];

  const admitted = new Set<Equation>();
  const withhold: Suppression[] = [];
  for (const candidate of admissionOrder(input.candidates, vectors)) {
    const vector = vectors.of(candidate);
    // What follows from admitted releases tells nothing new.
    const news = released.reduce(vector).size > 0;
    const protects = news ? firstDetermined(views, vector) : undefined;
    if (protects !== undefined) {
      withhold.push({ candidate: candidate.id, protects });
      continue;
    }
    admit(vector);
    admitted.add(candidate);
  }
  const release = input.candidates.filter((candidate) => admitted.has(candidate)).map(({ id }) => id);
  return { release, withhold, alreadyDetermined };
}

function firstDetermined(views: readonly View[], vector: Vector): string | undefined {
  for (const view of views) {
    const name = view.wouldDetermine(vector);
    if (name !== undefined) return name;
  }
  return undefined;
}

const admissionOrder = (candidates: readonly Equation[], vectors: Vectors): readonly Equation[] =>
  candidates
    .map((equation, index) => ({ equation, index, size: vectors.organisations(equation) }))
    .sort((a, b) => b.size - a.size || b.index - a.index)
    .map(({ equation }) => equation);

/** What the releases tell when some organisations are set aside. Only independent vectors are shown to a view. */
interface View {
  /** True by definition: tells nothing of anybody. */
  know(vector: Vector): void;
  admit(vector: Vector): void;
  wouldDetermine(vector: Vector): string | undefined;
  broken(): readonly string[];
}

function viewsOf(vectors: Vectors, input: GuardInput): readonly View[] | undefined {
  const colluders = input.colluders ?? 0;
  const minimum = input.minimumOrganisations ?? 2 + colluders;
  const hidden = input.withheld
    .map((equation) => ({ id: equation.id, vector: vectors.of(equation) }))
    .filter(({ vector }) => vector.size > 0);
  const views: View[] = [hiddenView(hidden, (vector) => vector)];
  for (const set of smallSets(vectors.groups, minimum - 1)) {
    views.push(setView(namesOf(set), without(set)));
    if (views.length > MAX_GUARD_VIEWS) return undefined;
  }
  for (const set of hidden.length === 0 ? [] : smallSets(vectors.classes, colluders)) {
    const strip = without(set);
    const unknown = hidden.filter(({ vector }) => strip(vector).size > 0);
    // What a colluder could work out before is not for this release to answer.
    views.push({ ...hiddenView(unknown, strip), broken: () => [] });
    if (views.length > MAX_GUARD_VIEWS) return undefined;
  }
  return views;
}

const namesOf = (set: readonly Fold[]): string => set.flatMap(({ members }) => members).join("+");

function without(set: readonly Fold[]): (vector: Vector) => Vector {
  const aside = new Set(set.flatMap(({ columns }) => [...columns]));
  return (vector) => new Map([...vector].filter(([column]) => !aside.has(column)));
}

/**
 * For every union of groups that stands for at most `limit` organisations, all folds within it. Whoever is set aside is so
 * with all affiliates: what a smaller set opens, the larger one does.
 */
function* smallSets(folds: readonly Fold[], limit: number): Generator<readonly Fold[]> {
  const small = folds.filter(({ groups }) => organisationsIn(groups) <= limit);
  const seen = new Set<string>();
  const left: ReadonlyMap<string, number>[] = [new Map()];
  for (let union = left.pop(); union !== undefined; union = left.pop()) {
    if (organisationsIn(union) >= limit) continue;
    for (const { groups } of small) {
      const wider = new Map([...union, ...groups]);
      if (wider.size === union.size || organisationsIn(wider) > limit) continue;
      const name = JSON.stringify([...wider.keys()].sort());
      if (seen.has(name)) continue;
      seen.add(name);
      left.push(wider);
      yield small.filter((fold) => [...fold.groups.keys()].every((group) => wider.has(group)));
    }
  }
}

const organisationsIn = (groups: ReadonlyMap<string, number>): number =>
  [...groups.values()].reduce((total, size) => total + size, 0);

/** Withheld vectors against the row space, with the columns of known organisations struck out. */
function hiddenView(
  hidden: readonly { readonly id: string; readonly vector: Vector }[],
  strip: (vector: Vector) => Vector,
): View {
  const echelon = createEchelon();
  // Kept reduced, so that "the row space plus this vector holds it" is "it is a multiple of the reduced vector".
  let residues = hidden.map(({ id, vector }) => ({ id, rest: strip(vector) }));
  const admit = (vector: Vector) => {
    if (!echelon.add(strip(vector))) return;
    residues = residues.map(({ id, rest }) => ({ id, rest: echelon.reduce(rest) }));
  };
  return {
    know: admit,
    admit,
    wouldDetermine(vector) {
      const reduced = echelon.reduce(strip(vector));
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
    know: (vector) => void others.add(strip(vector)),
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
