/** Group commits as JSON, each written once for all the replicas that ask for it at about the same time. */

interface Batch {
  readonly from: number;
  /** Stands for the entries: its root is theirs. */
  readonly checkpoint: string;
}

/** Group commits that are kept as text, and the longest of them in characters. */
const KEPT = 8;
const MAX_LENGTH = 4 << 20;

export function createBatchTexts(): (batches: readonly Batch[]) => string {
  const texts = new Map<string, string>();
  function textOf(batch: Batch): string {
    const name = `${batch.from} ${batch.checkpoint}`;
    const known = texts.get(name);
    if (known !== undefined) return known;
    const text = write(batch);
    if (texts.size >= KEPT) texts.delete(texts.keys().next().value ?? "");
    if (text.length <= MAX_LENGTH) texts.set(name, text);
    return text;
  }
  return (batches) => `[${batches.map(textOf).join()}]`;
}

/** The dashes of a note as escapes: text of one byte a character is sent, and read by every replica, in half the time. */
function write({ checkpoint, ...rest }: Batch): string {
  return `${JSON.stringify(rest).slice(0, -1)},"checkpoint":${JSON.stringify(checkpoint).replaceAll("—", "\\u2014")}}`;
}
