/** `sealane policy`: what may be asked of an asset. Checking needs no node; everything else asks the running one. */
import type { Policy } from "../../../policies/model/policy.ts";
import type { Decision } from "../../../policies/model/verdict.ts";
import { explain as explainProblem } from "../../i18n/explain.ts";
import type { CommandGroup } from "../command.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { CliError, EXIT } from "../errors.ts";
import { renderFields, renderTable } from "../table.ts";

type Explained = Pick<Decision, "outcome" | "reasons" | "verdicts">;

export const policyCommands: CommandGroup = (program, { texts: { text }, action }) => {
  const policy = program.command("policy").description(text("cli.policy"));
  policy
    .command("check")
    .argument("<file>", text("cli.policy.file"))
    .description(text("cli.policy.check"))
    .action(action((context, _options, file) => check(context, file)));
  policy
    .command("explain")
    .argument("<asset>", text("cli.argument.asset"))
    .argument("<request>", text("cli.policy.explain.request"))
    .description(text("cli.policy.explain"))
    .option("--policy <file>", text("cli.policy.explain.policy"))
    .option("--requester <member>", text("cli.policy.explain.requester"))
    .action(action<ExplainOptions>((context, options, asset, file) => explain(context, options, asset, file)));
  policy
    .command("set")
    .argument("<asset>", text("cli.argument.asset"))
    .argument("<file>", text("cli.policy.file"))
    .description(text("cli.policy.set"))
    .action(
      action(async (context, _options, asset, file) => {
        const body = { policy: await context.readJson(file) };
        const path = `/assets/${encodeURIComponent(asset)}/policy`;
        const answer = await (await context.api()).put<{ policyVersion: number }>(path, body);
        const human = renderFields([
          [text("cli.field.asset"), asset],
          [text("cli.field.policyVersion"), String(answer.policyVersion)],
        ]);
        return { json: answer, human };
      }),
    );
  policy
    .command("show")
    .argument("<asset>", text("cli.argument.asset"))
    .description(text("cli.policy.show"))
    .action(
      action(async (context, _options, asset) => {
        const path = `/assets/${encodeURIComponent(asset)}/policy`;
        const answer = await (await context.api()).get<{ policy: Policy; digest: string; version: number }>(path);
        return { json: answer, human: JSON.stringify(answer.policy, null, 2) };
      }),
    );
};

async function check(context: CommandContext, file: string): Promise<Outcome> {
  const { text } = context.texts;
  const { parsePolicy } = await import("../../../policies/model/parse-policy.ts");
  const { policyDigest } = await import("../../../policies/model/policy.ts");
  const parsed = parsePolicy(await context.readJson(file));
  if (parsed.ok) {
    const digest = policyDigest(parsed.policy);
    return { json: { ok: true, problems: [], digest }, human: renderFields([[text("cli.policy.valid"), digest]]) };
  }
  const columns = [{ title: text("cli.field.field") }, { title: text("cli.field.problem") }];
  const rows = parsed.problems.map((problem) => [problem.field, explainProblem(problem, context.texts)]);
  return {
    json: { ok: false, problems: parsed.problems },
    human: renderTable(columns, rows),
    exitCode: EXIT.failed,
  };
}

interface ExplainOptions {
  readonly policy?: string;
  readonly requester?: string;
}

const NO_ID = "00000000-0000-4000-8000-000000000000";

/** A draft will do: what the requester's node would add is filled in. */
async function explain(
  context: CommandContext,
  options: ExplainOptions,
  asset: string,
  file: string,
): Promise<Outcome> {
  const { text, reason } = context.texts;
  const draft = (await context.readJson(file)) as Record<string, unknown> | null;
  const requester = options.requester === undefined ? {} : { requester: options.requester };
  if (options.requester === undefined && draft?.requester === undefined) {
    throw new CliError("ERR_CLI_USAGE", { reason: text("cli.policy.explain.noRequester") });
  }
  const createdAt = new Date(context.surroundings.now()).toISOString();
  const request = { id: NO_ID, createdAt, ...draft, ...requester };
  const policy = options.policy === undefined ? {} : { policy: await context.readJson(options.policy) };
  const path = `/assets/${encodeURIComponent(asset)}/policy/explain`;
  const answer = await (await context.api()).post<Explained>(path, { request, ...policy });
  const columns = [
    { title: text("cli.field.rule") },
    { title: text("cli.field.verdict") },
    { title: text("cli.field.reason") },
  ];
  const rows = answer.verdicts.map((verdict) => [
    verdict.rule,
    text(`outcome.${verdict.verdict}`),
    `${reason(verdict.reason)}${Object.keys(verdict.compared).length > 0 ? ` ${JSON.stringify(verdict.compared)}` : ""}`,
  ]);
  const human = `${renderFields([[text("cli.field.verdict"), text(`outcome.${answer.outcome}`)]])}\n\n${renderTable(columns, rows)}`;
  return { json: answer, human };
}
