/** `sealane request ask`: encrypted queries under an agreement, and what they gave. */
import type { Command } from "commander";
import type { Cli } from "../command.ts";
import { renderTable } from "../table.ts";

interface Answer {
  readonly number: number;
  readonly figures: readonly { readonly id: string; readonly value: string | null; readonly impossible?: true }[];
}

export function requestAsk(group: Command, { texts: { text }, action }: Cli): void {
  group
    .command("ask")
    .argument("<request>", text("cli.argument.request"))
    .argument("[file]", text("cli.request.ask.file"))
    .description(text("cli.request.ask"))
    .option("--evidence <file>", text("cli.request.ask.evidence"))
    .action(
      action<{ evidence?: string }>(async (context, { evidence }, id, file) => {
        if (evidence !== undefined) await context.assertAbsent(evidence);
        const api = await context.api();
        const path = `/requests/${encodeURIComponent(id)}/queries`;
        const asked = file === undefined ? undefined : await api.post<Answer>(path, await context.readJson(file));
        const answers = asked === undefined ? (await api.get<{ queries: Answer[] }>(path)).queries : [asked];
        if (evidence !== undefined) await context.writePrivate(evidence, await api.getText(`${path}/evidence`));
        const rows = answers.flatMap(({ number, figures }) =>
          figures.map(({ id: name, value, impossible }) => [
            String(number),
            name,
            value ?? text(`cli.request.ask.${impossible ? "impossible" : "leftOut"}`),
          ]),
        );
        const names = ["number", "figure", "value"] as const;
        const human = renderTable(
          names.map((name) => ({ title: text(`cli.field.${name}`) })),
          rows,
        );
        return { json: asked ?? { queries: answers }, human };
      }),
    );
}
