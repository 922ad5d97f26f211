/** `sealane network`: founding a network, inviting into it and joining it. */
import type { Command } from "commander";
import { systemEffects } from "../../runtime/effects.ts";
import type { Cli, CommandGroup } from "../command.ts";
import { collect, integer, pair } from "../options.ts";
import { readPassphrase } from "../passphrase.ts";
import { createProgress } from "../progress.ts";
import { renderFields } from "../table.ts";
import { networkInvite } from "./network-invite.ts";

export const networkCommands: CommandGroup = (program, cli) => {
  const network = program.command("network").description(cli.texts.text("cli.network"));
  networkFound(network, cli);
  networkInvite(network, cli);
  networkJoin(network, cli);
};

interface FoundOptions {
  readonly network: string;
  readonly industry: string;
  readonly title: string;
  readonly titleZh?: string;
  readonly attribute?: readonly string[];
}

function networkFound(network: Command, { texts, action }: Cli): void {
  const { text } = texts;
  network
    .command("found")
    .description(text("cli.network.found"))
    .requiredOption("--network <id>", text("cli.network.found.network"))
    .requiredOption("--industry <code>", text("cli.network.found.industry"))
    .requiredOption("--title <name>", text("cli.network.found.title"))
    .option("--title-zh <name>", text("cli.network.found.titleZh"))
    .option("--attribute <name=code,code>", text("cli.network.found.attribute"), collect)
    .action(
      action<FoundOptions>(async (context, options) => {
        const { foundNetwork } = await import("../../runtime/network/found.ts");
        const passphrase = await readPassphrase(context);
        const tables = (options.attribute ?? []).map((table) => pair("--attribute", table));
        const entry = await foundNetwork({
          dir: context.dir,
          network: options.network,
          industry: options.industry,
          title: { en: options.title, ...(options.titleZh === undefined ? {} : { "zh-CN": options.titleZh }) },
          attributes: Object.fromEntries(tables.map(([name, codes]) => [name, codes.split(",")])),
          effects: systemEffects,
          ...(passphrase === undefined ? {} : { passphrase }),
        });
        return {
          json: { network: options.network, position: entry.position, time: entry.time },
          human: renderFields([
            [text("cli.field.network"), options.network],
            [text("cli.field.position"), String(entry.position)],
            [text("cli.field.next"), "sealane node start"],
          ]),
        };
      }),
    );
}

function networkJoin(network: Command, { texts, action }: Cli): void {
  const { text } = texts;
  network
    .command("join")
    .argument("<invitation>", text("cli.network.join.invitation"))
    .description(text("cli.network.join"))
    .option("--wait <seconds>", text("cli.network.join.wait"), integer(0, 604_800), 600)
    .action(
      action<{ wait: number }>(async (context, { wait }, file) => {
        const { joinNetwork } = await import("../../runtime/network/join.ts");
        const invitation = await context.readJson(file);
        const passphrase = await readPassphrase(context);
        const joined = await createProgress(context.surroundings).step(text("cli.network.join.title"), (update) =>
          joinNetwork({
            dir: context.dir,
            invitation,
            waitMs: wait * 1000,
            effects: systemEffects,
            signal: context.surroundings.signal,
            onState: (state, member) => {
              const said = text(`join.${state}`, { member });
              update(said);
              if (!context.surroundings.interactive) context.note(said);
            },
            ...(passphrase === undefined ? {} : { passphrase }),
          }),
        );
        return {
          json: joined,
          human: renderFields([
            [text("cli.field.network"), joined.network],
            [text("cli.field.height"), String(joined.height)],
            [text("cli.field.next"), "sealane node start"],
          ]),
        };
      }),
    );
}
