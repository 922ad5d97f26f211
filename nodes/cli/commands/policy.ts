/** `sealane policy`: what may be asked of an asset. Checking needs no node; everything else asks the running one. */
import type { Policy } from "../../../policies/model/policy.ts";
import { explain as explainProblem } from "../../i18n/explain.ts";
import type { CommandGroup } from "../command.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { EXIT } from "../errors.ts";
import { noteRemarks, type Remarked } from "../remarks.ts";
import { renderFields, renderTable } from "../table.ts";
import { policyActivate } from "./policy-activate.ts";
import { policyExplain } from "./policy-explain.ts";
import { policySimulate } from "./policy-simulate.ts";

export const policyCommands: CommandGroup = (program, cli) => {
  const { action, texts } = cli;
  const { text } = texts;
  const policy = program.command("policy").description(text("cli.policy"));
  policy
    .command("check")
    .argument("<file>", text("cli.policy.file"))
    .description(text("cli.policy.check"))
    .action(action((context, _options, file) => check(context, file)));
  policyActivate(policy, cli);
  policyExplain(policy, cli);
  policySimulate(policy, cli);
  policy
    .command("set")
    .argument("<asset>", text("cli.argument.asset"))
    .argument("<file>", text("cli.policy.file"))
    .description(text("cli.policy.set"))
    .action(
      action(async (context, _options, asset, file) => {
        const body = { policy: await context.readJson(file) };
        const path = `/assets/${encodeURIComponent(asset)}/policy`;
        const answer = await (await context.api()).put<{ policyVersion: number } & Remarked>(path, body);
        noteRemarks(context, answer);
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
