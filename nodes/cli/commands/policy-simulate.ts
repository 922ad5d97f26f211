/** `sealane policy simulate`: a policy that is not in force, over everything its asset was ever asked. */
import type { Command } from "commander";
import type { Simulation } from "../../../exchange/requests/simulate.ts";
import type { Texts } from "../../i18n/text.ts";
import type { Cli } from "../command.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { renderFields, renderTable } from "../table.ts";

type Simulated = Simulation & { readonly asset: string };

export function policySimulate(policy: Command, { texts: { text }, action }: Cli): void {
  policy
    .command("simulate")
    .argument("<file>", text("cli.policy.file"))
    .description(text("cli.policy.simulate"))
    .action(action((context, _options, file) => simulate(context, file)));
}

async function simulate(context: CommandContext, file: string): Promise<Outcome> {
  const body = { policy: await context.readJson(file) };
  const answer = await (await context.api()).post<Simulated>("/policies/simulate", body);
  return { json: answer, human: simulationText(answer, context.texts) };
}

function simulationText({ asset, decisions, changed, changes, running, agreements }: Simulated, texts: Texts): string {
  const { text, reason } = texts;
  const because = (reasons: readonly string[]) => texts.list(reasons.map((code) => reason(code)));
  const moves = changes.map(
    ({ decided, wouldBe, count }) => `${text(`outcome.${decided}`)} → ${text(`outcome.${wouldBe}`)}: ${count}`,
  );
  const table = <K extends "request" | "decidedAt" | "verdict" | "reason" | "agreement" | "organisations" | "cells">(
    names: readonly K[],
    rows: readonly (readonly string[])[],
  ) =>
    renderTable(
      names.map((name) => ({ title: text(`cli.field.${name}`) })),
      rows,
    );
  const parts = [
    renderFields([
      [text("cli.field.asset"), asset],
      [text("cli.policy.simulate.decisions"), String(decisions)],
      [text("cli.policy.simulate.changed"), moves.length === 0 ? "0" : texts.list(moves)],
      [text("cli.policy.simulate.running"), String(running)],
      [text("cli.policy.simulate.affected"), String(agreements.length)],
    ]),
  ];
  if (changed.length > 0) {
    const rows = changed.map((one) => [
      one.request,
      one.decidedAt,
      `${text(`outcome.${one.decided}`)} → ${text(`outcome.${one.wouldBe}`)}`,
      because(one.reasons),
    ]);
    parts.push(table(["request", "decidedAt", "verdict", "reason"], rows));
  }
  if (agreements.length > 0) {
    const rows = agreements.map((one) => [
      one.agreement,
      text(`outcome.${one.wouldBe}`),
      `${one.organisationsNeeded.before} → ${one.organisationsNeeded.after}`,
      texts.list(one.cells.map((cell) => cellText(cell, texts))),
      because(one.reasons),
    ]);
    parts.push(table(["agreement", "verdict", "organisations", "cells", "reason"], rows));
  }
  return parts.join("\n\n");
}

function cellText({ group, organisations, change }: Simulation["agreements"][number]["cells"][number], texts: Texts) {
  const name = Object.values(group).join(" ");
  return texts.text(change === "withheld" ? "cli.policy.simulate.withheld" : "cli.policy.simulate.released", {
    cell: name,
    organisations,
  });
}
