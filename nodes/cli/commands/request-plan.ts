/** `sealane request plan`: which protocol a draft would run by, why, and what it would cost. */
import type { Command } from "commander";
import { METHODS, type Method } from "../../../policies/model/request.ts";
import type { Compared } from "../../../policies/model/verdict.ts";
import type { PlanView } from "../../http/routes/requests/plan.ts";
import { explainAt } from "../../i18n/explain.ts";
import type { Texts } from "../../i18n/text.ts";
import type { Cli } from "../command.ts";
import { comparedText } from "../compared-text.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { EXIT } from "../errors.ts";
import { choice } from "../options.ts";
import { renderFields, renderTable } from "../table.ts";

export function requestPlan(request: Command, { texts: { text }, action }: Cli): void {
  request
    .command("plan")
    .argument("<file>", text("cli.request.submit.file"))
    .description(text("cli.request.plan"))
    .option("--method <method>", text("cli.request.submit.method"), choice(METHODS))
    .action(action<{ method?: Method }>((context, { method }, file) => plan(context, file, method)));
}

async function plan(context: CommandContext, file: string, method: Method | undefined): Promise<Outcome> {
  const read = await context.readJson(file);
  const draft = method === undefined ? read : { ...(read as object), method };
  const view = await (await context.api()).post<PlanView>("/requests/plan", draft);
  const exitCode = view.outcome === "planned" ? EXIT.ok : EXIT.failed;
  return { json: view, human: planText(view, context.texts), exitCode };
}

function planText(view: PlanView, texts: Texts): string {
  const { text, reason } = texts;
  const providers = renderTable(
    (["asset", "verdict", "reason"] as const).map((name) => ({ title: text(`cli.field.${name}`) })),
    [
      ...view.providers.map((one) => [
        one.asset,
        text(`cli.request.plan.${one.outcome}`),
        texts.list(
          one.refusals?.map(
            ({ reason: code, compared }) => `${reason(code)}${comparedText(compared as Compared, texts)}`,
          ) ?? one.reasons.map((code) => reason(code)),
        ),
      ]),
      ...view.leftOut.map((one) => [one.asset, text("cli.request.plan.leftOut"), reason(one.reason)]),
    ],
  );
  return [...summary(view, texts), providers].join("\n\n");
}

function summary({ problems = [], ...view }: PlanView, texts: Texts): string[] {
  const { text, reason } = texts;
  if (view.alone !== undefined) return ofOne(view.alone, view.because, texts);
  if (view.protocol === undefined || view.estimate === undefined) {
    const lines = problems.map((problem) => explainAt(problem, texts));
    return [[text("cli.request.plan.refused"), ...lines].join("\n")];
  }
  const { bytes, seconds } = view.estimate;
  const { method, parameters, suite } = view.protocol;
  return [
    renderFields([
      [text("cli.field.method"), `${text(`method.${method}`)}${parameters === undefined ? "" : ` (${parameters})`}`],
      [text("cli.request.plan.suite"), suite],
      [text("cli.request.plan.members"), String(view.members)],
      [text("cli.request.plan.need"), String(view.need)],
      [
        text("cli.request.plan.cells"),
        text("cli.request.plan.atMost", { cells: view.atoms ?? 0, words: view.words ?? 0 }),
      ],
      [
        text("cli.request.plan.member"),
        text("cli.request.plan.traffic", {
          sent: kilobytes(bytes.member.sent),
          received: kilobytes(bytes.member.received),
          seconds: seconds.member.toFixed(2),
        }),
      ],
      [
        text("cli.request.plan.total"),
        text("cli.request.plan.all", { total: kilobytes(bytes.total), seconds: seconds.total.toFixed(2) }),
      ],
      ...noise(view.privacy, texts),
    ]),
    (view.because ?? []).map((code) => `- ${reason(code)}`).join("\n"),
  ];
}

function noise(privacy: PlanView["privacy"], { text }: Texts): (readonly [string, string])[] {
  if (privacy === undefined) return [];
  const { epsilon, delta, errors } = privacy;
  const lines = errors.map(({ of, element = "", unit = "", standardError }) =>
    `${text(`cli.request.plan.error.${of}`, { element })} ± ${standardError.toLocaleString("en", { maximumSignificantDigits: 3, useGrouping: false })} ${unit}`.trim(),
  );
  return [
    [text("cli.request.plan.budget"), text("cli.asset.privacy.epsilon", { epsilon, delta })],
    [text("cli.request.plan.errors"), lines.join("\n")],
  ];
}

function ofOne(
  { kind, estimate }: NonNullable<PlanView["alone"]>,
  because: PlanView["because"],
  { text, reason }: Texts,
): string[] {
  const { bytes, seconds } = estimate;
  return [
    renderFields([
      [text("cli.field.method"), text(`method.${kind}`)],
      [
        text("cli.request.plan.total"),
        text("cli.request.plan.ofOne", {
          sent: kilobytes(bytes.requester),
          received: kilobytes(bytes.provider),
          seconds: seconds.toFixed(2),
        }),
      ],
    ]),
    (because ?? []).map((code) => `- ${reason(code)}`).join("\n"),
  ];
}

const kilobytes = (bytes: number): string => (bytes / 1000).toFixed(1);
