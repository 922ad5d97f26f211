/**
 * No set of released results may determine a withheld cell. Releases are linear equations over unknowns
 * (contributor × record key); a hidden value is determined exactly when its vector lies in their row space
 * (Gaussian elimination over the rationals, as in GaussSuppression). Exact: integers only, no floating point.
 */

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
  /** Organisations a contributor id stands for; absent: 1. Values of single organisations are always protected. */
  readonly sizes?: Readonly<Record<string, number>>;
  /** Assumed colluders: each single contributor is also tried as one that knows its own values. Default 0. */
  readonly colluders?: 0 | 1;
}
export interface Suppression {
  readonly candidate: string;
  /** What it would have determined: the id of a withheld equation or `<contributor>/<record>`. */
  readonly protects: string;
}
export interface GuardResult {
  /** Ids of candidates that may be published, in input order. */
  readonly release: readonly string[];
  /** Further cells to withhold (complementary suppression), in the order they were found. */
  readonly withhold: readonly Suppression[];
  /** Hidden values that `earlier` alone determines: nothing can be done now; the caller withholds everything. */
  readonly alreadyDetermined: readonly string[];
}

/**
 * Deterministic: candidates are admitted from the most contributors to the fewest, ties in input order; one that would
 * determine a hidden value is withheld and becomes hidden itself.
 */
export function guardReleases(_input: GuardInput): GuardResult {
  return { release: [], withhold: [], alreadyDetermined: [] };
}
