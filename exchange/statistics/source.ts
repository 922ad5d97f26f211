/**
 * The Source port: a provider's own table, read where it lies. Rows never pass this port except as the aggregates that
 * the compiled SELECT makes of them.
 */

/**
 * One SELECT over the relation `source`, in which every column is text exactly as the file holds it (or NULL), except
 * those that `decimals` names.
 */
export interface SqlQuery {
  readonly text: string;
  /** Values of $1, $2, … as text. */
  readonly parameters: readonly string[];
  /**
   * Columns the engine reads as DECIMAL at once. It rounds what has more digits and takes spellings the declaration
   * does not, so this is only for bytes whose every value was checked before, as text.
   */
  readonly decimals?: Readonly<Record<string, { readonly width: number; readonly scale: number }>>;
}

/** Some result rows; cells are text, null for NULL. */
export interface RowBatch {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
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
  /**
   * As `select`, in batches, so that no long answer is in memory at once: the next one is read when `take` is done. False where `decimals` were asked for and
   * the engine cannot read the table so; what was taken is then worth nothing. Throws SourceError.
   */
  read(query: SqlQuery, take: (batch: RowBatch) => void | Promise<void>): Promise<boolean>;
  /** SHA-256 of the source bytes as they are now, base64url. */
  fingerprint(): Promise<string>;
  close(): Promise<void>;
}
