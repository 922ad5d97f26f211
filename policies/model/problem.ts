/** One thing wrong with a document: where, a stable code, and what was wanted and got. */
export interface Problem {
  readonly field: string;
  readonly code: string;
  readonly detail: string;
}
