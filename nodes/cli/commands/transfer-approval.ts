/** `sealane transfer pending | approve | refuse`: the steward's part in records that a policy leaves to a person. */
import type { Command } from "commander";
import type { PendingView, ReleaseDecisionView } from "../../http/routes/transfers/approvals.ts";
import type { Texts } from "../../i18n/text.ts";
import type { Cli } from "../command.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { renderFields } from "../table.ts";

const PATH = "/release-approvals";

export function transferApproval(transfer: Command, { texts: { text }, action }: Cli): void {
  transfer
    .command("pending")
    .description(text("cli.transfer.pending"))
    .action(action((context) => pending(context)));
  transfer
    .command("approve")
    .argument("<negotiation>", text("cli.argument.negotiation"))
    .description(text("cli.transfer.approve"))
    .action(action((context, _options, id) => decide(context, id, "approve", {})));
  transfer
    .command("refuse")
    .argument("<negotiation>", text("cli.argument.negotiation"))
    .description(text("cli.transfer.refuse"))
    .requiredOption("--reason <text>", text("cli.transfer.refuse.reason"))
    .action(action<{ reason: string }>((context, { reason }, id) => decide(context, id, "refuse", { reason })));
}

async function pending(context: CommandContext): Promise<Outcome> {
  const answer = await (await context.api()).get<{ approvals: readonly PendingView[] }>(PATH);
  const { approvals } = answer;
  const human =
    approvals.length === 0
      ? context.texts.text("cli.transfer.pending.none")
      : approvals.map((one) => shown(one, context.texts)).join("\n\n");
  return { json: answer, human };
}

function shown(one: PendingView, { text }: Texts): string {
  const { purpose, legalBasis, scenario, territory, retentionDays } = one.declared;
  const declared = [purpose, legalBasis, scenario, territory].filter((value) => value !== undefined).join(", ");
  return renderFields([
    [text("cli.field.negotiation"), one.negotiation],
    [text("cli.field.consumer"), one.consumer],
    [text("cli.field.asset"), `${one.asset} (${text("cli.field.version")} ${one.assetVersion})`],
    [text("cli.field.declared"), declared],
    [text("cli.field.retentionDays"), String(retentionDays)],
    [text("cli.field.columns"), one.columns.map(columnText).join(", ")],
    [text("cli.field.rows"), `≤ ${one.rows}`],
    [text("cli.field.bytes"), `≤ ${one.bytes}`],
    ...(one.deliveries === undefined ? [] : [[text("cli.field.deliveries"), `≤ ${one.deliveries}`] as const]),
    [text("cli.field.format"), one.formats.join(", ")],
    [text("cli.field.since"), one.since],
    [text("cli.field.until"), one.until],
    ...(one.decided === undefined ? [] : [[text("cli.field.state"), text(`outcome.${one.decided}`)] as const]),
  ]);
}

/** As the policy names masks. */
function columnText({ name, mask }: PendingView["columns"][number]): string {
  if (mask === undefined) return name;
  const { element: _, mask: kind, ...parameters } = mask;
  return `${name} (${[kind, ...Object.values(parameters)].join(" ")})`;
}

async function decide(context: CommandContext, id: string, verb: string, body: object): Promise<Outcome> {
  const api = await context.api();
  const answer = await api.post<ReleaseDecisionView>(`${PATH}/${encodeURIComponent(id)}/${verb}`, body);
  const { text } = context.texts;
  return { json: { negotiation: id, ...answer }, human: `${id}  ${text(`outcome.${answer.outcome}`)}` };
}
