/** `sealane agreement`: what this node agreed to, as provider or consumer. */
import type { NegotiationState } from "../../../exchange/negotiation/messages.ts";
import type { Texts } from "../../i18n/text.ts";
import type { CommandGroup } from "../command.ts";
import { recorded } from "../recorded.ts";
import { renderTable } from "../table.ts";

interface Agreement {
  readonly agreement: string;
  readonly request: string;
  readonly asset: string;
  readonly consumer: string;
  readonly state: NegotiationState | "REVOKED" | "ENDED";
  readonly validUntil: string;
  /** Why it is no longer in force. */
  readonly reason?: string;
}

export const agreementCommands: CommandGroup = (program, { texts, action }) => {
  const { text } = texts;
  const agreement = program.command("agreement").description(text("cli.agreement"));
  agreement
    .command("list")
    .description(text("cli.agreement.list"))
    .action(
      action(async (context) => {
        const answer = await (await context.api()).get<{ agreements: Agreement[] }>("/agreements");
        const names = ["agreement", "asset", "consumer", "state", "validUntil", "request"] as const;
        const rows = answer.agreements.map((one) =>
          names.map((name) => (name === "state" ? stateText(one, texts) : one[name])),
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

const stateText = ({ state, reason }: Agreement, texts: Texts): string => {
  const said = texts.text(`agreement.state.${state}`);
  return reason === undefined ? said : texts.text("agreement.because", { state: said, reason: texts.reason(reason) });
};
