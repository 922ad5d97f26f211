/** `sealane transfer`: get records of another's asset under an agreement, and hold or end what runs. */
import type { Command } from "commander";
import type { ReceivedView, TransferView } from "../../http/routes/transfers/transfers.ts";
import type { ApiClient } from "../api-client.ts";
import type { Cli, CommandGroup } from "../command.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { download } from "../download.ts";
import { CliError, EXIT } from "../errors.ts";
import { choice, integer } from "../options.ts";
import { createProgress } from "../progress.ts";
import { renderFields, renderTable } from "../table.ts";
import { stateText, transferText } from "../transfer-view.ts";
import { transferApproval } from "./transfer-approval.ts";

const pathOf = (id: string): string => `/transfers/${encodeURIComponent(id)}`;
const FORMATS: Readonly<Record<string, string>> = { pull: "HttpData-PULL", push: "HttpData-PUSH" };
const POLL_MS = 250;
interface StartOptions {
  readonly purpose?: string;
  readonly legalBasis?: string;
  readonly scenario?: string;
  readonly territory?: string;
  readonly retentionDays?: number;
  readonly format?: string;
  readonly out?: string;
}

export const transferCommands: CommandGroup = (program, cli) => {
  const { text } = cli.texts;
  const transfer = program.command("transfer").description(text("cli.transfer"));
  transfer
    .command("start")
    .argument("<asset>", text("cli.argument.asset"))
    .description(text("cli.transfer.start"))
    .option("--purpose <code>", text("cli.transfer.purpose"))
    .option("--legal-basis <code>", text("cli.transfer.legalBasis"))
    .option("--scenario <code>", text("cli.transfer.scenario"))
    .option("--territory <code>", text("cli.transfer.territory"))
    .option("--retention-days <days>", text("cli.transfer.retentionDays"), integer(1, 36_500))
    .option("--format <format>", text("cli.transfer.format"), choice(Object.keys(FORMATS)))
    .option("--out <file>", text("cli.transfer.out"))
    .action(cli.action<StartOptions>((context, options, asset) => start(context, asset, options)));
  transfer
    .command("show")
    .argument("<transfer>", text("cli.argument.transfer"))
    .description(text("cli.transfer.show"))
    .action(
      cli.action(async (context, _options, id) =>
        shown(context, await (await context.api()).get<TransferView>(pathOf(id))),
      ),
    );
  transfer
    .command("list")
    .description(text("cli.transfer.list"))
    .action(cli.action((context) => list(context)));
  transfer
    .command("fetch")
    .argument("<transfer>", text("cli.argument.transfer"))
    .description(text("cli.transfer.fetch"))
    .requiredOption("--out <file>", text("cli.transfer.out"))
    .action(
      cli.action<{ out: string }>(async (context, { out }, id) => {
        await context.assertAbsent(out);
        return await fetchInto(context, await context.api(), id, out);
      }),
    );
  transfer
    .command("received")
    .description(text("cli.transfer.received"))
    .action(cli.action((context) => received(context)));
  transfer
    .command("erase")
    .argument("<transfer>", text("cli.argument.transfer"))
    .description(text("cli.transfer.erase"))
    .action(
      cli.action(async (context, _options, id) => {
        await (await context.api()).post(`/received/${encodeURIComponent(id)}/erase`, {});
        return { json: { transfer: id, erased: true }, human: context.texts.text("cli.transfer.erased") };
      }),
    );
  for (const verb of ["suspend", "resume", "terminate"] as const) change(transfer, cli, verb);
  transferApproval(transfer, cli);
};

async function start(context: CommandContext, asset: string, options: StartOptions): Promise<Outcome> {
  // Options of the program arrive beside those of the command.
  const { out, format, purpose, legalBasis, scenario, territory, retentionDays } = options;
  if (out !== undefined) await context.assertAbsent(out);
  const api = await context.api();
  const given = { format: format && FORMATS[format], purpose, legalBasis, scenario, territory, retentionDays };
  const said = Object.entries(given).filter(([, value]) => value !== undefined);
  const body = { asset, ...Object.fromEntries(said) };
  const view = await api.post<TransferView>("/transfers", body);
  if (out === undefined) return shown(context, view, `sealane transfer fetch ${view.transfer} --out FILE`);
  context.note(`${context.texts.text("cli.field.transfer")} ${view.transfer}`);
  return await fetchInto(context, api, view.transfer, out);
}

/** What has been sent stays until it is erased, however the transfer ended; a provider serves only while it runs. */
const isThere = ({ format, received, state }: TransferView): boolean =>
  format === FORMATS.push ? received?.complete === true : state === "STARTED";
const isStopped = ({ state }: TransferView): boolean => state === "REFUSED" || state === "TERMINATED";

/** Throws for what no waiting brings. */
function assertComing(view: TransferView): void {
  const { transfer, role, peer, state, asset = "ASSET" } = view;
  if (role === "provider") throw new CliError("ERR_CLI_TRANSFER_OF_OTHER", { transfer, member: peer });
  if (state === "COMPLETED" && !isThere(view)) throw new CliError("ERR_CLI_TRANSFER_COMPLETED", { transfer, asset });
}

/** Waits until there is something to fetch, fetches it, and says that it has everything. */
async function fetchInto(context: CommandContext, api: ApiClient, id: string, out: string): Promise<Outcome> {
  const { surroundings, texts } = context;
  const view = await createProgress(surroundings).step(texts.text("cli.transfer.waiting"), async (update) => {
    for (;;) {
      const now = await api.get<TransferView>(pathOf(id));
      assertComing(now);
      if (isThere(now) || isStopped(now)) return now;
      surroundings.signal.throwIfAborted();
      update(texts.text(`transfer.state.${now.state}`));
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  });
  if (!isThere(view)) return { ...shown(context, view), exitCode: EXIT.failed };
  const got = await createProgress(surroundings).step(texts.text("cli.transfer.fetching"), (update) =>
    download(api, `${pathOf(id)}/data`, context.path(out), {
      signal: surroundings.signal,
      onProgress: (bytes, of) => update(`${mebibytes(bytes)} / ${mebibytes(of)} MiB`),
    }),
  );
  // Both sides then know that it is over; a provider that is away hears it when it is back.
  if (view.state === "STARTED") await api.post(`${pathOf(id)}/complete`, {}).catch(() => undefined);
  const fields = [
    [texts.text("cli.field.transfer"), id],
    [texts.text("cli.field.file"), out],
    [texts.text("cli.field.bytes"), String(got.bytes)],
    ["SHA-256", got.sha256],
  ] as const;
  return { json: { transfer: id, file: out, ...got }, human: renderFields(fields) };
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

async function list(context: CommandContext): Promise<Outcome> {
  const { text } = context.texts;
  const answer = await (await context.api()).get<{ transfers: readonly TransferView[] }>("/transfers");
  const rows = answer.transfers.map((one) => [
    one.transfer,
    one.asset ?? "",
    one.peer,
    text(`transfer.role.${one.role}`),
    one.format ?? "",
    stateText(one, context.texts),
  ]);
  const names = ["transfer", "asset", "participant", "role", "format", "state"] as const;
  return {
    json: answer,
    human: renderTable(
      names.map((name) => ({ title: text(`cli.field.${name}`) })),
      rows,
    ),
  };
}

async function received(context: CommandContext): Promise<Outcome> {
  const { text } = context.texts;
  const answer = await (await context.api()).get<{ files: readonly ReceivedView[] }>("/received");
  const rows = answer.files.map((one) => [
    one.transfer,
    one.asset ?? "",
    one.peer ?? "",
    `${one.bytes} / ${one.of}`,
    one.retentionDays === undefined ? "" : String(one.retentionDays),
  ]);
  const names = ["transfer", "asset", "participant", "bytes", "retentionDays"] as const;
  const columns = names.map((name) => ({ title: text(`cli.field.${name}`) }));
  return { json: answer, human: renderTable(columns, rows) };
}

const shown = ({ texts }: CommandContext, view: TransferView, next?: string): Outcome => ({
  json: view,
  human: transferText(view, texts, next),
});

function change(group: Command, { texts: { text }, action }: Cli, verb: "suspend" | "resume" | "terminate"): void {
  const command = group
    .command(verb)
    .argument("<transfer>", text("cli.argument.transfer"))
    .description(text(`cli.transfer.${verb}`));
  if (verb !== "resume") command.requiredOption("--reason <code>", text("cli.option.reason"));
  command.action(
    action<{ reason?: string }>(async (context, { reason }, id) => {
      const api = await context.api();
      await api.post(`${pathOf(id)}/${verb}`, reason === undefined ? {} : { reason });
      return shown(context, await api.get<TransferView>(pathOf(id)));
    }),
  );
}
