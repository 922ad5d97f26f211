/** `sealane request result`: the released figures, and the evidence bundle that anybody can verify. */
import type { Command } from "commander";
import type { ResultDocument } from "../../../ledger/audit/result.ts";
import type { Cli } from "../command.ts";
import { EXIT } from "../errors.ts";
import { resultTable } from "../result-table.ts";
import { renderFields } from "../table.ts";

interface ResultAnswer {
  readonly request: string;
  readonly computation: string;
  readonly outcome:
    | { readonly kind: "released"; readonly document: ResultDocument }
    | { readonly kind: "withheld"; readonly reasons: readonly string[] };
  readonly evidence?: string;
}

export function requestResult(group: Command, { texts, action }: Cli): void {
  const { text, codedReason } = texts;
  group
    .command("result")
    .argument("<request>", text("cli.argument.request"))
    .description(text("cli.request.result"))
    .option("--evidence <file>", text("cli.request.result.evidence"))
    .action(
      action<{ evidence?: string }>(async (context, { evidence }, id) => {
        if (evidence !== undefined) await context.assertAbsent(evidence);
        const api = await context.api();
        const path = `/requests/${encodeURIComponent(id)}`;
        const answer = await api.get<ResultAnswer>(`${path}/result`);
        if (evidence !== undefined) await context.writePrivate(evidence, await api.getText(`${path}/evidence`));
        const { outcome } = answer;
        if (outcome.kind === "withheld") {
          const reasons = outcome.reasons.map((code) => codedReason(code)).join("\n");
          return { json: answer, human: `${text("request.state.withheld")}: ${reasons}`, exitCode: EXIT.failed };
        }
        const facts: (readonly [string, string])[] = [
          [text("cli.field.contributors"), String(outcome.document.contributors.length)],
          [text("cli.field.withheldCells"), String(outcome.document.withheldCells)],
        ];
        if (evidence !== undefined) facts.push([text("cli.field.evidence"), evidence]);
        return { json: answer, human: `${resultTable(outcome.document, texts)}\n\n${renderFields(facts)}` };
      }),
    );
}
