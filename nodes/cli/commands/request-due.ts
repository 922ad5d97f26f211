/** `sealane request due`: what somebody still owes an answer on, and by when. */
import type { Command } from "commander";
import type { Owed } from "../../policies/request-deadlines.ts";
import type { Cli } from "../command.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { renderTable } from "../table.ts";

export function requestDue(request: Command, { texts: { text }, action }: Cli): void {
  request
    .command("due")
    .description(text("cli.request.due"))
    .action(action((context) => due(context)));
}

async function due(context: CommandContext): Promise<Outcome> {
  const { text } = context.texts;
  const answer = await (await context.api()).get<{ due: readonly Owed[] }>("/due-requests");
  if (answer.due.length === 0) return { json: answer, human: text("cli.request.due.none") };
  const names = ["request", "asset", "requester", "verdict", "due", "standing"] as const;
  const rows = answer.due.map((one) => [
    one.request,
    one.asset,
    one.requester,
    text(`outcome.${one.outcome}`),
    one.due,
    text(`request.standing.${one.standing}`),
  ]);
  const columns = names.map((name) => ({ title: text(`cli.field.${name}`) }));
  return { json: answer, human: renderTable(columns, rows) };
}
