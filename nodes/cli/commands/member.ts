/** `sealane member`: the organisations of the network; admission and suspension are the operator's. */
import type { Command } from "commander";
import type { Static } from "typebox";
import type { MemberView } from "../../http/schemas.ts";
import type { TextKey } from "../../i18n/text.ts";
import type { Cli, CommandGroup } from "../command.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { type Recorded, recorded } from "../recorded.ts";
import { renderTable } from "../table.ts";

export const memberCommands: CommandGroup = (program, cli) => {
  const { text } = cli.texts;
  const member = program.command("member").description(text("cli.member"));
  member
    .command("admit")
    .argument("<member>", text("cli.argument.member"))
    .description(text("cli.member.admit"))
    .action(
      cli.action(async (context, _options, id) => {
        const api = await context.api();
        return recorded(context, await api.post<Recorded>(`/members/${encodeURIComponent(id)}/admit`), { member: id });
      }),
    );
  withReason(member, cli, "refuse", "cli.member.refuse", (id) => `/applications/${id}/refuse`);
  withReason(member, cli, "suspend", "cli.member.suspend", (id) => `/members/${id}/suspend`);
  withReason(member, cli, "reinstate", "cli.member.reinstate", (id) => `/members/${id}/reinstate`);
  member
    .command("list")
    .description(text("cli.member.list"))
    .option("--waiting", text("cli.member.list.waiting"))
    .action(
      cli.action<{ waiting?: boolean }>((context, { waiting }) => (waiting ? applications(context) : members(context))),
    );
};

function withReason(group: Command, cli: Cli, name: string, key: TextKey, path: (id: string) => string): void {
  const { text } = cli.texts;
  group
    .command(name)
    .argument("<member>", text("cli.argument.member"))
    .description(text(key))
    .requiredOption("--reason <code>", text("cli.option.reason"))
    .action(
      cli.action<{ reason: string }>(async (context, { reason }, id) => {
        const api = await context.api();
        return recorded(context, await api.post<Recorded>(path(encodeURIComponent(id)), { reason }), {
          member: id,
          reason,
        });
      }),
    );
}

async function members(context: CommandContext): Promise<Outcome> {
  const { text, title } = context.texts;
  const answer = await (await context.api()).get<{ members: Static<typeof MemberView>[] }>("/members");
  const rows = answer.members.map(({ record, status }) => [
    record.id,
    title(record.title),
    text(`kind.${record.kind}`),
    record.holdingGroup,
    text(`member.status.${status}`),
  ]);
  const columns = ["member", "title", "kind", "holdingGroup", "state"] as const;
  return {
    json: answer,
    human: renderTable(
      columns.map((name) => ({ title: text(`cli.field.${name}`) })),
      rows,
    ),
  };
}

interface Application {
  readonly state: "waiting" | "admitted" | "refused";
  readonly receivedAt: string;
  readonly member: Static<typeof MemberView>["record"];
}

async function applications(context: CommandContext): Promise<Outcome> {
  const { text, title } = context.texts;
  const answer = await (await context.api()).get<{ applications: Application[] }>("/applications");
  const waiting = answer.applications.filter(({ state }) => state === "waiting");
  const rows = waiting.map(({ member, receivedAt }) => [
    member.id,
    title(member.title),
    text(`kind.${member.kind}`),
    member.organisation,
    receivedAt,
  ]);
  const columns = ["member", "title", "kind", "organisation", "received"] as const;
  const table = renderTable(
    columns.map((name) => ({ title: text(`cli.field.${name}`) })),
    rows,
  );
  return { json: { applications: waiting }, human: table };
}
