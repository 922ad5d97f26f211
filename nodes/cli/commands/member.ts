/** `sealane member`: the organisations of the network, as this node's replica of the ledger shows them. */
import type { Static } from "typebox";
import type { MemberView } from "../../http/schemas.ts";
import type { CommandGroup } from "../command.ts";
import { renderTable } from "../table.ts";

export const memberCommands: CommandGroup = (program, { texts, action }) => {
  const { text } = texts;
  const member = program.command("member").description(text("cli.member"));
  member
    .command("list")
    .description(text("cli.member.list"))
    .action(
      action(async (context) => {
        const api = await context.api();
        const answer = await api.get<{ members: Static<typeof MemberView>[] }>("/members");
        const columns = ["member", "title", "kind", "holdingGroup", "state"] as const;
        const rows = answer.members.map(({ record, status }) => [
          record.id,
          texts.title(record.title),
          text(`kind.${record.kind}`),
          record.holdingGroup,
          text(`member.status.${status}`),
        ]);
        return {
          json: answer,
          human: renderTable(
            columns.map((name) => ({ title: text(`cli.field.${name}`) })),
            rows,
          ),
        };
      }),
    );
};
