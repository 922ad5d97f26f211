/** What a computation came to, as its receiver hands it out and its requester has verified it. */
import type { Salted } from "../../exchange/computations/documents.ts";
import type { WithheldFigure } from "../../exchange/computations/outcome.ts";
import type { CodeTables } from "../../exchange/computations/record-relations.ts";
import type { SumEquation } from "../../exchange/computations/release-check.ts";
import type { ResultDocument } from "../../ledger/audit/result.ts";

export interface ResultRecord {
  readonly computation: string;
  readonly request: string;
  readonly outcome:
    | {
        readonly kind: "released";
        readonly result: Salted<ResultDocument>;
        readonly rules: readonly string[];
        /** What later releases of this receiver are checked against. */
        readonly equations: readonly SumEquation[];
      }
    | {
        readonly kind: "withheld";
        readonly reasons: readonly string[];
        /** Receiver: what later releases must not give away; absent where nothing was decoded. */
        readonly equations?: readonly SumEquation[];
      };
  /** Receiver: why each withheld figure is. It stays here. */
  readonly withheldFigures?: readonly WithheldFigure[];
  readonly transcriptDigest?: string;
  readonly bitmap?: string;
  /** Receiver: the codes that the cohort's tables hold, by element. */
  readonly codes?: CodeTables;
}
