/** What a node remarks on a policy that it put in force all the same: a line each on stderr. */
import { type Explainable, explainAt } from "../i18n/explain.ts";
import type { CommandContext } from "./context.ts";

export interface Remarked {
  readonly remarks: readonly Explainable[];
}

export function noteRemarks(context: CommandContext, { remarks }: Remarked): void {
  if (remarks.length === 0) return;
  context.note(context.texts.text("cli.policy.remarks"));
  for (const remark of remarks) context.note(`  - ${explainAt(remark, context.texts)}`);
}
