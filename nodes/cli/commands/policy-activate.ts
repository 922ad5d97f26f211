/** `sealane policy activate`: a policy in force from a day on, and after a second person has approved it. */
import type { Command } from "commander";
import type { ActivationBriefView, ActivationView, ProposedView } from "../../http/routes/activations/activations.ts";
import type { Texts } from "../../i18n/text.ts";
import type { Cli } from "../command.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { CliError } from "../errors.ts";
import { noteRemarks } from "../remarks.ts";
import { renderFields, renderTable } from "../table.ts";

interface Speaking {
  readonly as?: string;
}

export function policyActivate(policy: Command, { texts: { text }, action }: Cli): void {
  const asOption = ["--as <file>", text("cli.policy.as")] as const;
  policy
    .command("activate")
    .argument("<asset>", text("cli.argument.asset"))
    .argument("<file>", text("cli.policy.file"))
    .description(text("cli.policy.activate"))
    .option("--from <date>", text("cli.policy.activate.from"))
    .option(...asOption)
    .action(
      action<Speaking & { from?: string }>(async (context, { as, from }, asset, file) => {
        const given = await context.readJson(file);
        const body = { policy: given, ...(from === undefined ? {} : { from: instantOf(from) }) };
        const path = `/assets/${encodeURIComponent(asset)}/policy/activations`;
        const answer = await (await context.apiAs(as)).post<ProposedView>(path, body);
        noteRemarks(context, answer);
        return shown(answer, context.texts);
      }),
    );
  policy
    .command("pending")
    .description(text("cli.policy.pending"))
    .option(...asOption)
    .action(action<Speaking>((context, { as }) => list(context, as)));
  policy
    .command("approve")
    .argument("<activation>", text("cli.policy.activation"))
    .description(text("cli.policy.approve"))
    .option(...asOption)
    .action(
      action<Speaking>(async (context, { as }, id) => {
        const answer = await (await context.apiAs(as)).post<ActivationView>(`${pathOf(id)}/approve`, undefined);
        return shown(answer, context.texts);
      }),
    );
  policy
    .command("withdraw")
    .argument("<activation>", text("cli.policy.activation"))
    .description(text("cli.policy.withdraw"))
    .requiredOption("--reason <text>", text("cli.policy.withdraw.reason"))
    .option(...asOption)
    .action(
      action<Speaking & { reason: string }>(async (context, { as, reason }, id) => {
        const answer = await (await context.apiAs(as)).post<ActivationView>(`${pathOf(id)}/withdraw`, { reason });
        return shown(answer, context.texts);
      }),
    );
}

const pathOf = (id: string): string => `/policies/activations/${encodeURIComponent(id)}`;

/** A day begins in China; an instant says its own time. */
function instantOf(given: string): string {
  const time = Date.parse(/^\d{4}-\d{2}-\d{2}$/.test(given) ? `${given}T00:00:00+08:00` : given);
  if (Number.isNaN(time)) throw new CliError("ERR_CLI_DATE", { got: given });
  return new Date(time).toISOString();
}

async function list(context: CommandContext, as: string | undefined): Promise<Outcome> {
  const answer = await (await context.apiAs(as)).get<{ activations: readonly ActivationBriefView[] }>(
    "/policies/activations",
  );
  const { texts } = context;
  if (answer.activations.length === 0) return { json: answer, human: texts.text("cli.policy.pending.none") };
  const names = ["activation", "asset", "state", "from", "approvals"] as const;
  const rows = answer.activations.map((one) => [
    one.id,
    one.asset,
    stateText(one, texts),
    one.from,
    approvalsText(one),
  ]);
  const columns = names.map((name) => ({ title: texts.text(`cli.field.${name}`) }));
  return { json: answer, human: renderTable(columns, rows) };
}

function stateText({ state, problem }: ActivationBriefView, { text, reason }: Texts): string {
  const said = text(`activation.state.${state}`);
  return problem === undefined ? said : `${said}: ${reason(problem)}`;
}

const approvalsText = ({ approvals, persons }: ActivationBriefView): string =>
  `${approvals.length}/${persons} ${approvals.map(({ by }) => by).join(", ")}`;

function shown(answer: ActivationView, texts: Texts): Outcome {
  const { text } = texts;
  const { version, reason } = answer;
  const human = renderFields([
    [text("cli.field.activation"), answer.id],
    [text("cli.field.asset"), answer.asset],
    [text("cli.field.state"), stateText(answer, texts)],
    [text("cli.field.from"), answer.from],
    [text("cli.field.approvals"), approvalsText(answer)],
    ...(version === undefined ? [] : [[text("cli.field.policyVersion"), String(version)] as const]),
    ...(reason === undefined ? [] : [[text("cli.field.reason"), reason] as const]),
  ]);
  return { json: answer, human };
}
