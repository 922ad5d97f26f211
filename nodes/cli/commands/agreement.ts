/** `sealane agreement`: what this node agreed to, as provider or consumer. */
import type { NegotiationState } from "../../../exchange/negotiation/messages.ts";
import type { Texts } from "../../i18n/text.ts";
import type { CommandGroup } from "../command.ts";
import { recorded } from "../recorded.ts";
import { renderFields, renderTable } from "../table.ts";

interface Negotiation {
  readonly role: string;
  readonly providerPid: string;
  readonly consumerPid: string;
  readonly state: NegotiationState;
  readonly termination?: { readonly by: string; readonly code?: string; readonly reasons: readonly string[] };
  readonly messages: readonly {
    readonly at: string;
    readonly by: string;
    readonly message: string;
    readonly digest: string;
    readonly state: NegotiationState;
  }[];
}
type Shown = Agreement & { readonly negotiation?: Negotiation };

interface Agreement {
  readonly agreement: string;
  readonly use: "computation" | "records";
  /** Of a computation. */
  readonly request?: string;
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
        const names = ["agreement", "use", "asset", "consumer", "state", "validUntil", "request"] as const;
        const rows = answer.agreements.map((one) => names.map((name) => cellOf(one, name, texts)));
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
    .command("show")
    .argument("<agreement>", text("cli.argument.agreement"))
    .description(text("cli.agreement.show"))
    .action(
      action(async (context, _options, id) => {
        const answer = await (await context.api()).get<Shown>(`/agreements/${encodeURIComponent(id)}`);
        return { json: answer, human: shown(answer, texts) };
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

/** Names of the Dataspace Protocol stay as they are: people look for them in the other side's log too. */
function shown(agreement: Shown, texts: Texts): string {
  const { text } = texts;
  const names = ["agreement", "use", "asset", "consumer", "validUntil", "request", "state"] as const;
  const { negotiation } = agreement;
  const fields: (readonly [string, string])[] = names
    .filter((name) => agreement[name] !== undefined)
    .map((name) => [text(`cli.field.${name}`), cellOf(agreement, name, texts)]);
  if (negotiation === undefined) return renderFields(fields);
  const { termination } = negotiation;
  const ended = [termination?.by, termination?.code, ...(termination?.reasons ?? [])].filter(
    (one) => one !== undefined,
  );
  fields.push(
    [text("cli.field.role"), negotiation.role],
    ["consumerPid", negotiation.consumerPid],
    ["providerPid", negotiation.providerPid],
    ...(termination === undefined ? [] : [[text("cli.field.reason"), ended.join(": ")] as const]),
  );
  const columns = ["time", "sender", "state", "message", "digest"] as const;
  const rows = negotiation.messages.map(({ at, by, state, message, digest }) => [at, by, state, message, digest]);
  const titles = columns.map((name) => ({ title: text(`cli.field.${name}`) }));
  return `${renderFields(fields)}\n\n${renderTable(titles, rows)}`;
}

type Column = "agreement" | "use" | "asset" | "consumer" | "state" | "validUntil" | "request";

function cellOf(agreement: Agreement, name: Column, texts: Texts): string {
  if (name === "state") return stateText(agreement, texts);
  if (name === "use") return texts.text(`agreement.use.${agreement.use}`);
  return agreement[name] ?? "";
}

const stateText = ({ state, reason }: Agreement, texts: Texts): string => {
  const said = texts.text(`agreement.state.${state}`);
  return reason === undefined ? said : texts.text("agreement.because", { state: said, reason: texts.reason(reason) });
};
