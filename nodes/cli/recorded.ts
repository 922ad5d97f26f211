/** Answer of commands whose effect is one ledger record. */
import type { CommandContext, Outcome } from "./context.ts";
import { renderFields } from "./table.ts";

export interface Recorded {
  /** Absent where the operation leaves no ledger record. */
  readonly position?: number;
  readonly time?: string;
}

type About = Readonly<Partial<Record<"agreement" | "asset" | "member" | "request" | "reason", string>>>;

/** `about` says what was changed, and why; it is repeated in the answer. */
export function recorded({ texts: { text, codedReason } }: CommandContext, answer: Recorded, about: About): Outcome {
  const names = Object.keys(about) as (keyof About)[];
  const fields = names.map((name) => {
    const value = about[name] ?? "";
    return [text(`cli.field.${name}`), name === "reason" ? codedReason(value) : value] as const;
  });
  const place = answer.position === undefined ? [] : [[text("cli.field.position"), String(answer.position)] as const];
  return { json: { ...about, ...answer }, human: `${text("cli.done")}\n${renderFields([...fields, ...place])}` };
}
