/** Evidence that the sequencer signed two histories: kept in the store and raised, never resolved by software. */
export interface ForkEvidence {
  /** When this node noticed, UTC with Z. */
  readonly noticed: string;
  /** Two checkpoint notes signed by the same log key that no tree can satisfy together. */
  readonly held: string;
  readonly shown: string;
}
