/** `sealane agreement`: what this node agreed to, as provider or consumer. */
import type { NegotiationState } from "../../../exchange/negotiation/messages.ts";
import type { CommandGroup } from "../command.ts";
import { recorded } from "../recorded.ts";
import { renderTable } from "../table.ts";

interface Agreement {
  readonly agreement: string;
  readonly request: string;
  readonly asset: string;
  readonly consumer: string;
  readonly state: NegotiationState | "REVOKED";
  readonly validUntil: string;
}

export const agreementCommands: CommandGroup = (program, { texts: { text }, action }) => {
  const agreement = program.command("agreement").description(text("cli.agreement"));
  agreement
    .command("list")
    .description(text("cli.agreement.list"))
    .action(
      action(async (context) => {
        const answer = await (await context.api()).get<{ agreements: Agreement[] }>("/agreements");
        const names = ["agreement", "asset", "consumer", "state", "validUntil", "request"] as const;
        const rows = answer.agreements.map((one) =>
          names.map((name) => (name === "state" ? text(`agreement.state.${one.state}`) : one[name])),
        );
        return {
          json: answer,
          human: renderTable(
            names.map((name) => ({ title: text(`cli.field.${name}`) })),
            rows,
          ),
        };
      }),
    );
  agreement
    .command("revoke")
    .argument("<agreement>", text("cli.argument.agreement"))
    .description(text("cli.agreement.revoke"))
    .requiredOption("--reason <code>", text("cli.option.reason"))
    .action(
      action<{ reason: string }>(async (context, { reason }, id) => {
        await (await context.api()).post(`/agreements/${encodeURIComponent(id)}/revoke`, { reason });
        return recorded(context, {}, { agreement: id, reason });
      }),
    );
};
