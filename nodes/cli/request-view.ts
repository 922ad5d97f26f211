/** One request for a person: its state and what every provider said. */
import type { RequestView } from "../http/routes/requests/schemas.ts";
import type { Texts } from "../i18n/text.ts";
import { renderFields, renderTable } from "./table.ts";

export function requestFields(view: RequestView, texts: Texts): string {
  const { text, title, reason, codedReason } = texts;
  const facts: (readonly [string, string])[] = [
    [text("cli.field.request"), view.id],
    [text("cli.field.title"), view.document === undefined ? "" : title(view.document.title)],
    [text("cli.field.state"), stateText(view, texts)],
    [text("cli.field.requester"), view.requester ?? ""],
    [text("cli.field.receiver"), view.receiver ?? ""],
    [text("cli.field.method"), view.document === undefined ? "" : text(`method.${view.document.method ?? "mask"}`)],
    [text("cli.field.submitted"), view.submittedAt ?? ""],
    [text("cli.field.ended"), view.endedAt ?? ""],
    [text("cli.field.computation"), view.computation ?? ""],
    [text("cli.field.withheldCells"), view.withheldCells === undefined ? "" : String(view.withheldCells)],
    [text("cli.field.reason"), texts.list((view.reasons ?? []).map((code) => codedReason(code)))],
    [text("cli.field.blamed"), view.blamed ?? ""],
  ];
  const columns = ["asset", "verdict", "reason", "agreement"] as const;
  const rows = view.assets.map(({ asset, outcome, reasons, agreement, revoked }) => [
    asset,
    text(`outcome.${outcome}`),
    texts.list([...reasons, ...(revoked === undefined ? [] : [revoked])].map((code) => reason(code))),
    agreement === undefined ? "" : `${agreement}${revoked === undefined ? "" : ` ${text("agreement.state.REVOKED")}`}`,
  ]);
  const table = renderTable(
    columns.map((name) => ({ title: text(`cli.field.${name}`) })),
    rows,
  );
  return `${renderFields(facts.filter(([, value]) => value !== ""))}\n\n${table}`;
}

/** Why the requester's node itself gave up: nobody cancelled anything. */
const NOT_AGREED = ["no-agreement", "too-few-organisations", "uses-exhausted"];

export function stateText({ state, reasons }: Pick<RequestView, "state" | "reasons">, { text }: Texts): string {
  const gaveUp = state === "cancelled" && (reasons ?? []).some((code) => NOT_AGREED.includes(code));
  return text(gaveUp ? "request.state.notAgreed" : `request.state.${state}`);
}
