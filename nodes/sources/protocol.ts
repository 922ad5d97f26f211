/** What a node and its engine process say to each other. */
export interface EngineTable {
  readonly kind: "csv" | "parquet" | "json";
  /** The exact file, already checked; the only one the engine may read. */
  readonly file: string;
  /** What messages call it: the path the owner knows. */
  readonly label: string;
  /** CSV: names from the header line, in order. */
  readonly header: readonly string[];
  readonly delimiter: string;
  /** Lets several threads read one CSV file. */
  readonly parallel: boolean;
}

export interface EngineLimits {
  readonly memoryMiB: number;
  readonly threads: number;
  /** Directory for spill files. */
  readonly spill: string;
  readonly maxRows: number;
}

export type EngineRequest =
  | { readonly type: "open"; readonly table: EngineTable; readonly limits: EngineLimits }
  | {
      readonly type: "select";
      readonly text: string;
      readonly parameters: readonly string[];
      /** Columns of `source` that are DECIMAL for this SELECT. */
      readonly decimals: Decimals;
    };

export type Decimals = Readonly<Record<string, { readonly width: number; readonly scale: number }>>;

export interface EngineColumn {
  readonly name: string;
  readonly type: string;
}

/** A SELECT is answered by any number of `rows` and then `end` or `error`; an open by one reply. */
export type EngineReply =
  | { readonly type: "opened"; readonly columns: readonly EngineColumn[] }
  | {
      readonly type: "rows";
      readonly columns: readonly string[];
      readonly rows: readonly (readonly (string | null)[])[];
    }
  | { readonly type: "end" }
  | { readonly type: "error"; readonly kind: "engine" | "query" | "limit"; readonly message: string };
