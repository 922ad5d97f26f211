/** `sealane request join`: joins a list of one's own with the provider's table under an agreement, and what came of it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { Texts } from "../../i18n/text.ts";
import type { ApiClient } from "../api-client.ts";
import type { Cli } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../errors.ts";
import { createProgress } from "../progress.ts";
import { renderFields, renderTable } from "../table.ts";

interface JoinView {
  readonly run: string;
  readonly number: number;
  readonly operation: "intersection" | "cardinality" | "statistics";
  readonly size: number;
  readonly state: "opened" | "committed" | "received" | "released" | "withheld" | "failed";
  readonly reason?: string;
  readonly progress?: { readonly done: number; readonly of: number };
  readonly result?: {
    readonly keys: number;
    readonly items?: readonly string[];
    readonly groups?: readonly {
      readonly group: Readonly<Record<string, string>>;
      readonly keys: number;
      readonly figures: readonly { readonly measure: string; readonly value: string }[];
    }[];
  };
}

const POLL_MS = 500;
const ENDED: readonly JoinView["state"][] = ["released", "withheld", "failed"];

export function requestJoin(group: Command, { texts, action }: Cli): void {
  const { text } = texts;
  group
    .command("join")
    .argument("<request>", text("cli.argument.request"))
    .argument("[list]", text("cli.request.join.list"))
    .description(text("cli.request.join"))
    .option("--evidence <file>", text("cli.request.join.evidence"))
    .option("--wait <seconds>", text("cli.request.join.wait"), "600")
    .action(
      action<{ wait: string; evidence?: string }>(async (context, { wait, evidence }, id, list) => {
        if (evidence !== undefined) await context.assertAbsent(evidence);
        const api = await context.api();
        const path = `/requests/${encodeURIComponent(id)}/joins`;
        const keep = async () => {
          if (evidence !== undefined) await context.writePrivate(evidence, await api.getText(`${path}/evidence`));
        };
        if (list === undefined) {
          await keep();
          const { joins } = await api.get<{ joins: JoinView[] }>(path);
          return { json: { joins }, human: joins.map((one) => shown(one, texts)).join("\n\n") };
        }
        const items = itemsIn(await context.readText(list));
        const begun = await api.post<JoinView>(path, { items });
        const seconds = /^\d{1,6}$/.test(wait) ? Number(wait) : 600;
        const view = await awaited(context, api, { path, number: begun.number, waitMs: seconds * 1000 });
        if (ENDED.includes(view.state)) await keep();
        const exitCode = view.state === "withheld" || view.state === "failed" ? EXIT.failed : 0;
        return { json: view, human: shown(view, texts), exitCode };
      }),
    );
}

/** One item a line; what stands behind the last tab is the item's group. */
function itemsIn(content: string) {
  const lines = content
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "");
  return lines.map((line) => {
    const at = line.lastIndexOf("\t");
    return at < 0 ? { item: line.trim() } : { item: line.slice(0, at).trim(), label: line.slice(at + 1).trim() };
  });
}

/** The run once it has ended, or as it stands after `waitMs`. */
function awaited(
  { surroundings, texts }: CommandContext,
  api: ApiClient,
  { path, number, waitMs }: { readonly path: string; readonly number: number; readonly waitMs: number },
): Promise<JoinView> {
  return createProgress(surroundings).step(texts.text("cli.request.join.waiting"), async (update) => {
    const until = surroundings.now() + waitMs;
    for (;;) {
      const { joins } = await api.get<{ joins: JoinView[] }>(path);
      const view = joins.find((one) => one.number === number)!;
      if (ENDED.includes(view.state) || surroundings.now() >= until) return view;
      const { done, of } = view.progress ?? { done: 0, of: 1 };
      update(`${texts.text(`join.state.${view.state}`)} ${Math.floor((100 * done) / of)} %`);
      await sleep(POLL_MS, undefined, { signal: surroundings.signal });
    }
  });
}

function shown({ number, operation, size, state, reason, result }: JoinView, { text, codedReason }: Texts): string {
  const why = reason === undefined ? "" : `: ${codedReason(reason)}`;
  const facts: (readonly [string, string])[] = [
    [text("cli.field.number"), String(number)],
    [text("cli.field.operation"), text(`join.operation.${operation}`)],
    [text("cli.field.items"), String(size)],
    [text("cli.field.state"), `${text(`join.state.${state}`)}${why}`],
  ];
  if (result !== undefined) facts.push([text("cli.field.commonKeys"), String(result.keys)]);
  return [renderFields(facts), ...tables(result, text)].join("\n\n");
}

function tables(result: JoinView["result"], text: Texts["text"]): readonly string[] {
  if (result?.items !== undefined) return [result.items.join("\n")];
  const [first] = result?.groups ?? [];
  if (result?.groups === undefined || first === undefined) return [];
  const titles = [
    ...Object.keys(first.group),
    text("cli.field.commonKeys"),
    ...first.figures.map(({ measure }) => measure),
  ];
  const rows = result.groups.map((one) => [
    ...Object.values(one.group),
    String(one.keys),
    ...one.figures.map(({ value }) => value),
  ]);
  return [
    renderTable(
      titles.map((title) => ({ title })),
      rows,
    ),
  ];
}
