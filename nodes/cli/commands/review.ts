/** `sealane review`: results that persons of a release authority look at before they leave. */
import { everybody, peopleOf, personToken } from "../../http/person-token.ts";
import type { ReviewBriefView, ReviewView } from "../../http/routes/reviews/schemas.ts";
import type { Texts } from "../../i18n/text.ts";
import type { CommandGroup } from "../command.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { CliError } from "../errors.ts";
import { resultTable } from "../result-table.ts";
import { renderFields, renderTable } from "../table.ts";

interface Speaking {
  readonly as?: string;
  readonly reason: string;
  readonly withhold?: readonly string[];
}
type Word = "approve" | "restrict" | "reject";

export const reviewCommands: CommandGroup = (program, { texts: { text }, action }) => {
  const review = program.command("review").description(text("cli.review"));
  const asOption = ["--as <file>", text("cli.review.as")] as const;
  review
    .command("list")
    .description(text("cli.review.list"))
    .option(...asOption)
    .action(action<{ as?: string }>((context, { as }) => list(context, as)));
  review
    .command("show")
    .argument("<computation>", text("cli.argument.computation"))
    .description(text("cli.review.show"))
    .option(...asOption)
    .action(
      action<{ as?: string }>(async (context, { as }, id) => {
        const answer = await (await context.apiAs(as)).get<ReviewView>(pathOf(id));
        return { json: answer, human: shown(answer, context.texts) };
      }),
    );
  for (const word of ["approve", "restrict", "reject"] as const) {
    const command = review
      .command(word)
      .argument("<computation>", text("cli.argument.computation"))
      .description(text(`cli.review.${word}`))
      .requiredOption("--reason <text>", text("cli.review.reason"))
      .option(...asOption);
    if (word === "restrict") {
      command.requiredOption("--withhold <figure...>", text("cli.review.withhold"));
    }
    command.action(action<Speaking>((context, options, id) => speak(context, word, id, options)));
  }
  review
    .command("person")
    .argument("<name>", text("cli.review.person.name"))
    .description(text("cli.review.person"))
    .requiredOption("--out <file>", text("cli.review.person.out"))
    .action(
      action<{ out: string }>(async (context, { out }, name) => {
        await refuseStranger(context, name);
        const token = (await context.readText(`${context.dir}/token`)).trim();
        await context.writePrivate(out, `${personToken(token, name)}\n`);
        return { json: { person: name, file: out }, human: `${name}  ${out}` };
      }),
    );
};

/** Whose name the configuration does not have, its token opens nothing. */
async function refuseStranger({ dir }: CommandContext, name: string): Promise<void> {
  const { loadConfig } = await import("../../config/node-config.ts");
  const known = everybody(peopleOf(await loadConfig(dir)));
  if (!known.includes(name)) throw new CliError("ERR_CLI_PERSON", { name, known: known.join(", ") || "–" });
}

const pathOf = (id: string): string => `/reviews/${encodeURIComponent(id)}`;

async function list(context: CommandContext, as: string | undefined): Promise<Outcome> {
  const answer = await (await context.apiAs(as)).get<{ reviews: readonly ReviewBriefView[] }>("/reviews");
  const { text } = context.texts;
  if (answer.reviews.length === 0) return { json: answer, human: text("cli.review.none") };
  const names = ["computation", "requester", "approvals", "withheldCells", "until"] as const;
  const rows = answer.reviews.map((one) => [
    one.computation,
    one.requester,
    `${one.approvals.length}/${one.persons}`,
    String(one.withheldCells),
    one.until,
  ]);
  const columns = names.map((name) => ({ title: text(`cli.field.${name}`) }));
  return { json: answer, human: renderTable(columns, rows) };
}

async function speak(context: CommandContext, word: Word, id: string, options: Speaking): Promise<Outcome> {
  const { as, reason, withhold = [] } = options;
  const body = word === "restrict" ? { reason, withhold: withhold.map(figureIn) } : { reason };
  const answer = await (await context.apiAs(as)).post<ReviewView>(`${pathOf(id)}/${word}`, body);
  return { json: answer, human: shown(answer, context.texts) };
}

/** `measure@dimension=code,dimension=code`; a figure without groups is its measure alone. */
function figureIn(given: string): { readonly measure: string; readonly group: Readonly<Record<string, string>> } {
  const [measure = "", places] = given.split("@", 2);
  const pairs = (places ?? "").split(",").filter((one) => one !== "");
  const group = pairs.map((pair) => pair.split("=", 2));
  if (measure === "" || group.some(({ length }) => length !== 2)) throw new CliError("ERR_CLI_FIGURE", { got: given });
  return { measure, group: Object.fromEntries(group) as Record<string, string> };
}

function shown(one: ReviewView, texts: Texts): string {
  const { text } = texts;
  const facts = renderFields([
    [text("cli.field.computation"), one.computation],
    [text("cli.field.request"), one.title === undefined ? one.request : `${texts.title(one.title)} (${one.request})`],
    [text("cli.field.requester"), one.requester],
    ...(one.purpose === undefined ? [] : [[text("cli.field.purpose"), one.purpose] as const]),
    [text("cli.field.state"), text(`cli.review.state.${one.state}`)],
    [text("cli.field.approvals"), `${one.approvals.length}/${one.persons} ${one.approvals.join(", ")}`.trim()],
    [text("cli.field.until"), one.until],
  ]);
  const withheld = one.withheld.map(({ group, measure, part, rules }) => {
    const name = [...Object.values(group), measure, ...(part === undefined ? [] : [part])].join(" ");
    return `${name}: ${texts.list(rules.map((rule) => texts.codedReason(rule)))}`;
  });
  const words = one.words.map(
    ({ at, reviewer, word, reason }) => `${at}  ${reviewer}  ${text(`cli.review.word.${word}`)}  ${reason}`,
  );
  const history = one.history.map(
    ({ time, title, request }) => `${time}  ${title === undefined ? request : texts.title(title)}`,
  );
  const part = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [`${title}\n${lines.join("\n")}`];
  const rules = one.document?.rules.map((rule) => texts.reason(rule)) ?? [];
  return [
    facts,
    ...(one.document === undefined ? [] : [resultTable(one.document, texts)]),
    ...part(text("cli.review.withheld"), withheld),
    ...part(text("cli.review.rules"), rules),
    ...part(text("cli.review.words"), words),
    ...part(text("cli.review.history"), history),
  ].join("\n\n");
}
