/** Keys of the embedded ledger's store. Numbers are padded, so that byte order is number order. */
const padded = (value: number): string => String(value).padStart(16, "0");

export const layout = Object.freeze({
  /** Store format; newer ones are refused. */
  format: "format",
  /** Acknowledged head: see Head in chain.ts. */
  head: "head",
  /** Entries on disk that the quorum has not acknowledged yet: see Tail in chain.ts. */
  tail: "tail",
  /** Leaf bytes of an entry. */
  entry: (position: number) => `entry/${padded(position)}`,
  /** Hash of a complete subtree; small ones are not kept. */
  node: (level: number, index: number) => `node/${String(level).padStart(2, "0")}/${padded(index)}`,
  /** Acknowledged group commit by its first position. */
  batch: (from: number) => `batch/${padded(from)}`,
  /** The contract's state. */
  state: (key: string) => `state/${key}`,
  outbox: (sequence: number) => `outbox/${padded(sequence)}`,
  fork: (noticed: string) => `fork/${noticed}`,
});

/** Bounds of all keys with a prefix. Keys are ASCII. */
export const under = (prefix: string) => ({ gte: prefix, lt: `${prefix}\u007f` });
/** Bounds of all keys of `kind` from a number on. */
export const from = (kind: "entry" | "batch", position: number) => ({
  gte: layout[kind](position),
  lt: `${kind}/\u007f`,
});
