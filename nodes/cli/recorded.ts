/** Answer of commands whose effect is one ledger record. */
import type { CommandContext, Outcome } from "./context.ts";
import { renderFields } from "./table.ts";

export interface Recorded {
  /** Absent where the operation leaves no ledger record. */
  readonly position?: number;
  readonly time?: string;
}

/** `about` names what was changed; it is repeated in the answer. */
export function recorded(
  { texts: { text } }: CommandContext,
  answer: Recorded,
  about: Record<string, string>,
): Outcome {
  const fields = Object.values(about).map((value) => [text("cli.done"), value] as const);
  const place = answer.position === undefined ? [] : [[text("cli.field.position"), String(answer.position)] as const];
  return { json: { ...about, ...answer }, human: renderFields([...fields.slice(0, 1), ...place]) };
}
