/** `sealane request`: ask for a statistic, decide on what others ask, and fetch what came out. */
import type { Command } from "commander";
import { METHODS, type Method } from "../../../policies/model/request.ts";
import type { RequestView } from "../../http/routes/requests/schemas.ts";
import type { Cli, CommandGroup } from "../command.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { CliError, EXIT } from "../errors.ts";
import { choice, integer } from "../options.ts";
import { recorded } from "../recorded.ts";
import { requestFields, stateText } from "../request-view.ts";
import { awaitEnd, isSettled } from "../request-wait.ts";
import { renderFields, renderTable } from "../table.ts";
import { requestAsk } from "./request-ask.ts";
import { requestDue } from "./request-due.ts";
import { requestForm } from "./request-form.ts";
import { requestJoin } from "./request-join.ts";
import { requestPlan } from "./request-plan.ts";
import { requestResult } from "./request-result.ts";

const pathOf = (id: string): string => `/requests/${encodeURIComponent(id)}`;
const MAX_WAIT_SECONDS = 86_400;

export const requestCommands: CommandGroup = (program, cli) => {
  const { text } = cli.texts;
  const request = program.command("request").description(text("cli.request"));
  request
    .command("submit")
    .argument("<file>", text("cli.request.submit.file"))
    .description(text("cli.request.submit"))
    .option("--wait <seconds>", text("cli.option.wait"), integer(1, MAX_WAIT_SECONDS))
    .option("--method <method>", text("cli.request.submit.method"), choice(METHODS))
    .action(cli.action<SubmitOptions>((context, options, file) => submit(context, file, options)));
  requestPlan(request, cli);
  request
    .command("list")
    .description(text("cli.request.list"))
    .action(cli.action((context) => list(context)));
  request
    .command("show")
    .argument("<request>", text("cli.argument.request"))
    .description(text("cli.request.show"))
    .option("--wait <seconds>", text("cli.option.wait"), integer(1, MAX_WAIT_SECONDS))
    .action(cli.action<{ wait?: number }>((context, { wait }, id) => show(context, id, wait)));
  decision(request, cli, "approve");
  decision(request, cli, "refuse");
  request
    .command("cancel")
    .argument("<request>", text("cli.argument.request"))
    .description(text("cli.request.cancel"))
    .requiredOption("--reason <code>", text("cli.option.reason"))
    .action(
      cli.action<{ reason: string }>(async (context, { reason }, id) => {
        await (await context.api()).post(`${pathOf(id)}/cancel`, { reason });
        return recorded(context, {}, { request: id, reason });
      }),
    );
  requestDue(request, cli);
  requestForm(request, cli);
  requestResult(request, cli);
  requestAsk(request, cli);
  requestJoin(request, cli);
};

interface Submitted {
  readonly id: string;
  readonly cached: boolean;
  readonly running: boolean;
  readonly recorded: boolean;
}

interface SubmitOptions {
  readonly wait?: number;
  readonly method?: Method;
}

async function submit(context: CommandContext, file: string, { wait, method }: SubmitOptions): Promise<Outcome> {
  const read = await context.readJson(file);
  const draft = method === undefined ? read : { ...(read as object), method };
  const api = await context.api();
  const answer = await api.post<Submitted>("/requests", draft);
  const { text } = context.texts;
  if (!answer.recorded) context.note(text("cli.request.unrecorded"));
  if (answer.cached) context.note(text("cli.request.cached"));
  if (answer.running) context.note(text("cli.request.running", { request: answer.id }));
  if (wait === undefined) {
    const human = renderFields([
      [text("cli.field.request"), answer.id],
      [text("cli.field.next"), `sealane request ${answer.cached ? "result" : "show"} ${answer.id}`],
    ]);
    return { json: answer, human };
  }
  context.note(`${text("cli.field.request")} ${answer.id}`);
  return await show(context, answer.id, wait);
}

async function show(context: CommandContext, id: string, wait: number | undefined): Promise<Outcome> {
  const api = await context.api();
  if (wait === undefined) {
    const view = await api.get<RequestView>(pathOf(id));
    return { json: view, human: requestFields(view, context.texts) };
  }
  const view = await awaitEnd(context, api, id, wait * 1000);
  const settled = isSettled(view);
  if (!settled) context.note(context.texts.text("cli.request.unsettled", { seconds: wait }));
  const exitCode = view.state === "released" ? EXIT.ok : settled ? EXIT.failed : EXIT.timeout;
  return { json: view, human: requestFields(view, context.texts), exitCode };
}

async function list(context: CommandContext): Promise<Outcome> {
  const { text, title } = context.texts;
  const answer = await (await context.api()).get<{ requests: RequestView[] }>("/requests");
  const names = ["request", "title", "requester", "state", "submitted"] as const;
  const rows = answer.requests.map(({ id, document, requester, state, reasons, submittedAt }) => [
    id,
    document === undefined ? "" : title(document.title),
    requester ?? "",
    stateText({ state, reasons }, context.texts),
    submittedAt ?? "",
  ]);
  return {
    json: answer,
    human: renderTable(
      names.map((name) => ({ title: text(`cli.field.${name}`) })),
      rows,
    ),
  };
}

interface DecisionOptions {
  readonly asset?: string;
  readonly reason?: string;
}

function decision(group: Command, { texts: { text }, action }: Cli, verb: "approve" | "refuse"): void {
  const command = group
    .command(verb)
    .argument("<request>", text("cli.argument.request"))
    .description(text(`cli.request.${verb}`))
    .option("--asset <asset>", text("cli.request.decide.asset"));
  if (verb === "refuse") command.requiredOption("--reason <code>", text("cli.option.reason"));
  command.action(
    action<DecisionOptions>(async (context, { asset, reason }, id) => {
      const api = await context.api();
      const outcome = verb === "approve" ? "approved" : "refused";
      const decisions: unknown[] = [];
      for (const one of asset === undefined ? await waitingAssets(context, id) : [asset]) {
        const body = { asset: one, outcome, ...(reason === undefined ? {} : { reason }) };
        decisions.push({ asset: one, ...(await api.post<object>(`${pathOf(id)}/decisions`, body)) });
      }
      return {
        json: { request: id, decisions },
        human: decisions
          .map(
            (one) =>
              `${(one as { asset: string }).asset}  ${text(`outcome.${(one as { outcome: string }).outcome as "permit"}`)}`,
          )
          .join("\n"),
      };
    }),
  );
}

/** Own assets of the request that wait for a person. */
async function waitingAssets(context: CommandContext, id: string): Promise<readonly string[]> {
  const api = await context.api();
  const { member } = await api.get<{ member: string }>("/status");
  const { assets } = await api.get<RequestView>(pathOf(id));
  const waiting = assets.filter(({ asset, outcome }) => asset.startsWith(`${member}:`) && outcome === "wait");
  if (waiting.length === 0) throw new CliError("ERR_CLI_NOTHING_WAITS", { request: id });
  return waiting.map(({ asset }) => asset);
}
