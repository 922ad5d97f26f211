/**
 * The shape of a computation's vectors, derived by every party from the same layout document.
 * Phase 1 (counted mode) carries two one-word elements per atom: organisations, units.
 * Phase 2 carries, for every included atom in ascending order, its components in order; a two-word component is one
 * element of Z_2^128, low word first. Words are little-endian.
 */
export interface Layout {
  /** Row-major product of the opened dimensions. */
  readonly atoms: number;
  /** Words of each component of an atom. */
  readonly components: readonly (1 | 2)[];
  /** Atoms left out from the start, for example because an earlier release forbids them; ascending. */
  readonly excluded: readonly number[];
  /** Organisations a cell needs beyond `need` for exact moments (variance 5 + c, regression p + 5 + c); 0 for none. */
  readonly minimumOrganisations: number;
  /** Per atom: canonical texts (or digests) of its statistic words, each with the record-level predicate. */
  readonly recordKeys: readonly (readonly string[])[];
  /** Statistical unit of each cohort member's asset. */
  readonly units: Readonly<Record<string, UnitKind>>;
  /** Every policy allows equal unit domains, with Σu/N tested against U. */
  readonly sharedUnitDomains: boolean;
  /** Most words of a chunk: `CHUNK_WORDS` (constants.ts); less only in tests. */
  readonly chunkWords: number;
}

type UnitKind = { readonly kind: "provider" } | { readonly kind: "field"; readonly domain?: string };
