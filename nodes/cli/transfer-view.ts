/** A transfer of records as a person reads it. */
import type { TransferView } from "../http/routes/transfers/transfers.ts";
import { technical } from "../i18n/explain.ts";
import type { Texts } from "../i18n/text.ts";
import { renderFields } from "./table.ts";

/** `next`: the command that goes on with it. */
export function transferText(view: TransferView, texts: Texts, next?: string): string {
  const { text } = texts;
  const optional = (name: "asset" | "format" | "agreement" | "validUntil") =>
    view[name] === undefined ? [] : [[text(`cli.field.${name}`), view[name]] as const];
  const { received } = view;
  const said = (view.details ?? []).map((detail) => detailText(detail, view, texts)).filter((line) => line !== "");
  return renderFields([
    [text("cli.field.transfer"), view.transfer],
    [text("cli.field.state"), stateText(view, texts)],
    ...said.map((line) => ["", line] as const),
    [text("cli.field.role"), text(`transfer.role.${view.role}`)],
    [text("cli.field.participant"), view.peer],
    ...optional("asset"),
    ...optional("format"),
    ...optional("agreement"),
    ...optional("validUntil"),
    ...(received === undefined
      ? []
      : [[text("cli.field.bytes"), `${received.bytes} / ${received.of ?? "–"}`] as const]),
    ...(next === undefined || view.state === "REFUSED" ? [] : [[text("cli.field.next"), next] as const]),
  ]);
}

export const stateText = (view: TransferView, texts: Texts): string => {
  const said = texts.text(`transfer.state.${view.state}`);
  return view.reason === undefined
    ? said
    : texts.text("agreement.because", { state: said, reason: texts.codedReason(view.reason, valuesOf(view)) });
};

const valuesOf = ({ asset, peer }: TransferView) => ({ member: peer, ...(asset === undefined ? {} : { asset }) });

/** Codes of further reasons as sentences; a steward's words as they are; else whoever stopped it says it in English. */
function detailText(detail: string, view: TransferView, texts: Texts): string {
  if (view.reason === "approval-refused") return detail;
  const codes = detail.split(", ");
  if (codes.some((code) => texts.knownReason(code) === undefined)) return technical(detail, texts);
  return codes
    .filter((code) => code !== view.reason)
    .map((code) => texts.codedReason(code, valuesOf(view)))
    .join("\n");
}
