/** `sealane ledger`: what this node's own verified replica holds. */
import type { LedgerEntry, LedgerStatus, WaitingRecord } from "../../../ledger/port.ts";
import type { Texts } from "../../i18n/text.ts";
import type { CommandGroup } from "../command.ts";
import { CliError } from "../errors.ts";
import { integer } from "../options.ts";
import { renderFields, renderTable } from "../table.ts";

interface Entries {
  readonly entries: readonly LedgerEntry[];
  readonly height: number;
}

export const ledgerCommands: CommandGroup = (program, { texts, action }) => {
  const { text } = texts;
  const ledger = program.command("ledger").description(text("cli.ledger"));
  ledger
    .command("status")
    .description(text("cli.ledger.status"))
    .action(
      action(async (context) => {
        const status = await (await context.api()).get<LedgerStatus>("/ledger/status");
        return {
          json: status,
          human: renderFields([
            [text("cli.field.network"), status.network],
            [text("cli.field.ledgerKind"), status.kind],
            [text("cli.field.role"), text(`ledger.role.${status.role}`)],
            [text("cli.field.height"), String(status.height)],
            [text("cli.field.root"), status.root],
            [text("cli.field.reachable"), text(status.reachable ? "cli.yes" : "cli.no")],
            ...(status.halted === undefined
              ? []
              : [[text("cli.field.halted"), text(`error.${status.halted}`)] as const]),
            [text("cli.field.outbox"), String(status.outbox)],
            ...(status.waiting === undefined
              ? []
              : [[text("cli.field.outboxWaiting"), waitingText(status.waiting, text)] as const]),
          ]),
        };
      }),
    );
  ledger
    .command("show")
    .argument("[position]", text("cli.ledger.show.position"))
    .description(text("cli.ledger.show"))
    .option("--limit <count>", text("cli.option.limit"), integer(1, 1000), 20)
    .action(
      action<{ limit: number }>(async (context, { limit }, position) => {
        const api = await context.api();
        if (position === undefined) {
          const { height } = await api.get<LedgerStatus>("/ledger/status");
          const answer = await api.get<Entries>(`/ledger/entries?from=${Math.max(0, height - limit)}&limit=${limit}`);
          const columns = ["position", "time", "record", "signer"] as const;
          const rows = answer.entries.map(({ position: at, time, transaction: { statement, signer } }) => [
            String(at),
            time,
            statement.type,
            signer,
          ]);
          return {
            json: answer,
            human: renderTable(
              columns.map((name) => ({ title: text(`cli.field.${name}`) })),
              rows,
            ),
          };
        }
        if (!/^\d{1,15}$/.test(position))
          throw new CliError("ERR_CLI_USAGE", { reason: `position ${position}: 0, 1, 2 …` });
        const answer = await api.get<Entries>(`/ledger/entries?from=${position}&limit=1`);
        const [entry] = answer.entries;
        if (entry === undefined) throw new CliError("ERR_CLI_NO_ENTRY", { position, height: answer.height });
        return { json: entry, human: JSON.stringify(entry, null, 2) };
      }),
    );
};

const waitingText = ({ since, code, signer, type, id }: WaitingRecord, text: Texts["text"]): string =>
  text("cli.ledger.waiting", { since, type, signer, id, reason: text(`error.${code}`) });
