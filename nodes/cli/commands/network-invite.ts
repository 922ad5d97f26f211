/** `sealane network invite`: the operator's one-time invitation, written to a file that only its owner reads. */
import type { Command } from "commander";
import type { Invitation } from "../../runtime/network/invitation.ts";
import type { Cli } from "../command.ts";
import { integer } from "../options.ts";
import { renderFields } from "../table.ts";

export function networkInvite(network: Command, { texts, action }: Cli): void {
  const { text } = texts;
  network
    .command("invite")
    .description(text("cli.network.invite"))
    .requiredOption("--out <file>", text("cli.network.invite.out"))
    .option("--hours <hours>", text("cli.network.invite.hours"), integer(1, 2160), 72)
    .option("--note <text>", text("cli.network.invite.note"), "")
    .action(
      action<{ out: string; hours: number; note: string }>(async (context, { out, hours, note }) => {
        await context.assertAbsent(out);
        const api = await context.api();
        const invitation = await api.post<Invitation>("/invitations", { expiresInHours: hours, note });
        await context.writePrivate(out, `${JSON.stringify(invitation, null, 2)}\n`);
        return {
          json: { file: out, network: invitation.network, expiresAt: invitation.expiresAt },
          human: renderFields([
            [text("cli.field.file"), out],
            [text("cli.field.network"), invitation.network],
            [text("cli.field.expires"), invitation.expiresAt],
          ]),
        };
      }),
    );
}
