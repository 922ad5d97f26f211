/** `sealane request draft | check | appeal`: the form of a request, over a cart of assets. */
import type { Command } from "commander";
import { type CartItem, draftOf } from "../../../exchange/requests/draft.ts";
import type { Problem } from "../../../policies/model/problem.ts";
import type { RequestView } from "../../http/routes/requests/schemas.ts";
import { explain as explainProblem } from "../../i18n/explain.ts";
import type { Cli } from "../command.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { CliError, EXIT } from "../errors.ts";
import { renderFields, renderTable } from "../table.ts";

export function requestForm(request: Command, { texts: { text }, action }: Cli): void {
  request
    .command("draft")
    .argument("<assets...>", text("cli.request.draft.assets"))
    .description(text("cli.request.draft"))
    .requiredOption("--out <file>", text("cli.request.draft.out"))
    .action(
      action<{ out: string }>((context, { out }, ...assets) => draft(context, out, assets.flat() as readonly string[])),
    );
  request
    .command("check")
    .argument("<file>", text("cli.request.submit.file"))
    .description(text("cli.request.check"))
    .action(action((context, _options, file) => check(context, file)));
  request
    .command("appeal")
    .argument("<request>", text("cli.argument.request"))
    .description(text("cli.request.appeal"))
    .requiredOption("--reason <text>", text("cli.request.appeal.reason"))
    .action(action<{ reason: string }>((context, { reason }, id) => appeal(context, id, reason)));
}

async function draft(context: CommandContext, out: string, assets: readonly string[]): Promise<Outcome> {
  await context.assertAbsent(out);
  const api = await context.api();
  const cart: CartItem[] = [];
  for (const asset of assets) cart.push(await api.get<CartItem>(`/catalogue/${encodeURIComponent(asset)}`));
  const today = new Date(context.surroundings.now()).toISOString().slice(0, 10);
  const made = draftOf(cart, today);
  await context.writePrivate(out, `${JSON.stringify(made, null, 2)}\n`);
  const { text } = context.texts;
  if (made.query.measures.length === 0) context.note(text("cli.request.draft.nothing"));
  const human = renderFields([
    [text("cli.field.file"), out],
    [text("cli.field.next"), `sealane request check ${out}`],
  ]);
  return { json: { file: out, draft: made }, human };
}

async function check(context: CommandContext, file: string): Promise<Outcome> {
  const { texts } = context;
  const body = await context.readJson(file);
  const answer = await (await context.api()).post<{ ok: boolean; problems: readonly Problem[] }>(
    "/requests/check",
    body,
  );
  if (answer.ok) return { json: answer, human: texts.text("cli.request.check.complete") };
  const columns = [{ title: texts.text("cli.field.field") }, { title: texts.text("cli.field.problem") }];
  const rows = answer.problems.map((problem) => [problem.field, explainProblem(problem, texts)]);
  return { json: answer, human: renderTable(columns, rows), exitCode: EXIT.failed };
}

/** The same request once more, for a person to decide on. */
async function appeal(context: CommandContext, id: string, reason: string): Promise<Outcome> {
  const { text } = context.texts;
  const api = await context.api();
  const { document, assets } = await api.get<RequestView>(`/requests/${encodeURIComponent(id)}`);
  if (document === undefined || !assets.some(({ outcome }) => outcome === "refuse")) {
    throw new CliError("ERR_CLI_NOT_REFUSED", { request: id });
  }
  const { id: _id, requester: _requester, createdAt: _createdAt, ...asked } = document;
  const answer = await api.post<{ id: string }>("/requests", { ...asked, appeal: { request: id, reason } });
  const human = renderFields([
    [text("cli.field.request"), answer.id],
    [text("cli.field.next"), `sealane request show ${answer.id}`],
  ]);
  return { json: answer, human };
}
