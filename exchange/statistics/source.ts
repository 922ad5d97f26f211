/**
 * The Source port: a provider's own table, read where it lies. Rows never pass this port except as the aggregates that
 * the compiled SELECT makes of them.
 */

/** One SELECT over the relation `source`, in which every column is text exactly as the file holds it (or NULL). */
export interface SqlQuery {
  readonly text: string;
  /** Values of $1, $2, … as text. */
  readonly parameters: readonly string[];
}

export interface SourceColumn {
  readonly name: string;
  /** What the file itself stores; `float` is binary floating point. */
  readonly stored: "text" | "integer" | "decimal" | "float" | "date" | "boolean" | "other";
}

/** One result row: column name to text; null for NULL. */
export type SourceRow = Readonly<Record<string, string | null>>;

export interface Source {
  readonly columns: readonly SourceColumn[];
  /** Data records as counted without the engine, where the format allows it. */
  readonly records: number | undefined;
  /** Throws SourceError; a crashed engine is restarted by the next call. */
  select(query: SqlQuery): Promise<readonly SourceRow[]>;
  /** SHA-256 of the source bytes as they are now, base64url. */
  fingerprint(): Promise<string>;
  close(): Promise<void>;
}
