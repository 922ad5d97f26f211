/** What a receiver keeps of a review. */
import type { Salted } from "../../exchange/computations/documents.ts";
import type { WithheldFigure } from "../../exchange/computations/outcome.ts";
import type { ResultRecord } from "./result-record.ts";

export type FigureName = Pick<WithheldFigure, "group" | "measure">;
export type Word = "approve" | "restrict" | "reject";

export interface Draft {
  /** Salted digest of the document. */
  readonly draft: string;
  readonly withheldCells: number;
}
export interface SaidWord extends Pick<Draft, "draft"> {
  /** `<receiver>/<person>`. */
  readonly reviewer: string;
  readonly word: Word;
  readonly reason: Salted<{ readonly reason: string }>;
  /** Figures that this word withholds. */
  readonly withhold: readonly FigureName[];
  readonly next?: Draft;
  readonly at: string;
}
export interface KeptReview {
  readonly computation: string;
  readonly request: string;
  readonly requester: string;
  readonly persons: number;
  readonly since: string;
  readonly until: string;
  readonly first: Draft;
  /** On the ledger. */
  readonly words: readonly SaidWord[];
  /** On its way there, with the result as it is afterwards. */
  readonly pending?: { readonly said: SaidWord; readonly result?: ResultRecord };
}
