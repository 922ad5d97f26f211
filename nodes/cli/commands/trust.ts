/** `sealane trust export`: the file an auditor pins. It must reach the auditor by a channel the auditor trusts. */
import type { TrustFile } from "../../../ledger/audit/trust.ts";
import type { CommandGroup } from "../command.ts";
import { renderFields } from "../table.ts";

export const trustCommands: CommandGroup = (program, { texts, action }) => {
  const { text } = texts;
  const trust = program.command("trust").description(text("cli.trust"));
  trust
    .command("export")
    .description(text("cli.trust.export"))
    .requiredOption("--out <file>", text("cli.option.out"))
    .action(
      action<{ out: string }>(async (context, { out }) => {
        await context.assertAbsent(out);
        const file = await (await context.api()).get<TrustFile>("/trust");
        await context.writePrivate(out, `${JSON.stringify(file, null, 2)}\n`);
        return {
          json: { file: out, network: file.network, members: file.members.length },
          human: renderFields([
            [text("cli.field.file"), out],
            [text("cli.field.network"), file.network],
            [text("cli.field.members"), String(file.members.length)],
          ]),
        };
      }),
    );
};
