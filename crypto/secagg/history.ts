/** Which later contributing sets are allowed (specification §5). */

/** Contributors of one released cell; a pair is `<asset>#<version>`, ascending. */
export type ContributingSet =
  | { readonly kind: "exact"; readonly pairs: readonly string[] }
  | {
      /** Counted mode: contributors are some of `pairs`, between `least` and `most` of them. */
      readonly kind: "counted";
      readonly pairs: readonly string[];
      readonly least: number;
      readonly most: number;
    };

/** One value release as a member remembers it, written before its view-2 signature leaves. Keep for ever. */
export interface HistoryEntry {
  readonly computation: string;
  /** Digest of close-2 and its ledger position. */
  readonly digest: string;
  readonly position: number;
  readonly sets: readonly ContributingSet[];
  /** `set` indexes `sets`. */
  readonly cells: readonly { readonly recordKey: string; readonly set: number }[];
}
