/** `sealane asset`: this node's tables as assets, and everybody's assets as a catalogue. Only metadata leave. */
import { dirname, resolve } from "node:path";
import type { Command } from "commander";
import type { Static } from "typebox";
import type { Asset } from "../../../policies/model/asset.ts";
import type { CrawledMember, FoundOffer } from "../../dataspace/crawler/crawler.ts";
import type { PrivacyView } from "../../http/routes/assets/privacy.ts";
import type { OwnAssetView } from "../../http/routes/assets/schemas.ts";
import type { Texts } from "../../i18n/text.ts";
import type { Cli, CommandGroup } from "../command.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { CliError } from "../errors.ts";
import { choice } from "../options.ts";
import { recorded } from "../recorded.ts";
import { noteRemarks, type Remarked } from "../remarks.ts";
import { renderFields, renderTable } from "../table.ts";

type OwnAsset = Static<typeof OwnAssetView>;

export const assetCommands: CommandGroup = (program, cli) => {
  const { text } = cli.texts;
  const asset = program.command("asset").description(text("cli.asset"));
  asset
    .command("register")
    .argument("<file>", text("cli.asset.register.file"))
    .description(text("cli.asset.register"))
    .option("--policy <file>", text("cli.asset.register.policy"))
    .action(cli.action<{ policy?: string }>((context, { policy }, file) => register(context, file, policy)));
  asset
    .command("list")
    .description(text("cli.asset.list"))
    .action(cli.action((context) => list(context)));
  assetSearch(asset, cli);
  asset
    .command("privacy")
    .argument("<asset>", text("cli.argument.asset"))
    .description(text("cli.asset.privacy"))
    .action(cli.action((context, _options, id) => privacy(context, id)));
  asset
    .command("withdraw")
    .argument("<asset>", text("cli.argument.asset"))
    .description(text("cli.asset.withdraw"))
    .requiredOption("--reason <code>", text("cli.option.reason"))
    .action(
      cli.action<{ reason: string }>(async (context, { reason }, id) => {
        await (await context.api()).post(`/assets/${encodeURIComponent(id)}/withdraw`, { reason });
        return recorded(context, {}, { asset: id, reason });
      }),
    );
};

/** The file holds {source, asset}; a relative `source.path` starts at the file's own folder. */
async function register(context: CommandContext, file: string, policyFile: string | undefined): Promise<Outcome> {
  const { source, asset } = ((await context.readJson(file)) ?? {}) as { source?: { path?: unknown }; asset?: unknown };
  if (typeof source?.path !== "string" || asset === undefined) {
    throw new CliError("ERR_CLI_USAGE", { reason: `${file}: { "source": { "kind", "path" }, "asset": { … } }` });
  }
  const path = resolve(dirname(context.path(file)), source.path);
  const policy = policyFile === undefined ? {} : { policy: await context.readJson(policyFile) };
  const body = { asset, source: { ...source, path }, ...policy };
  const answer = await (await context.api()).post<OwnAsset & Remarked & { readonly unchanged: boolean }>(
    "/assets",
    body,
  );
  noteRemarks(context, answer);
  if (answer.unchanged) context.note(context.texts.text("cli.asset.unchanged", { version: answer.asset.version }));
  return { json: answer, human: assetFields(answer, context) };
}

function assetFields({ asset, state, policyVersion }: OwnAsset, { texts: { text, title } }: CommandContext): string {
  const { rows, fields } = asset.quality;
  const quality = Object.entries(fields).map(([name, { nulls, outOfBounds }]) => [
    name,
    String(nulls),
    String(outOfBounds),
  ]);
  const columns = [
    { title: text("cli.field.field") },
    { title: text("cli.field.nulls"), align: "right" as const },
    { title: text("cli.field.outOfBounds"), align: "right" as const },
  ];
  const facts = renderFields([
    [text("cli.field.asset"), asset.id],
    [text("cli.field.title"), title(asset.title)],
    [text("cli.field.version"), String(asset.version)],
    [text("cli.field.state"), text(`asset.state.${state}`)],
    [text("cli.field.policyVersion"), policyVersion === 0 ? text("asset.noPolicy") : String(policyVersion)],
    [text("cli.field.rows"), String(rows)],
  ]);
  return `${facts}\n\n${renderTable(columns, quality)}`;
}

async function list(context: CommandContext): Promise<Outcome> {
  const { text, title } = context.texts;
  const answer = await (await context.api()).get<{ assets: OwnAsset[] }>("/assets");
  const names = ["asset", "title", "version", "state", "policyVersion", "rows"] as const;
  const rows = answer.assets.map(({ asset, state, policy, policyVersion }) => [
    asset.id,
    title(asset.title),
    String(asset.version),
    text(`asset.state.${state}`),
    policy === null ? text("asset.noPolicy") : String(policyVersion),
    String(asset.quality.rows),
  ]);
  return {
    json: answer,
    human: renderTable(
      names.map((name) => ({ title: text(`cli.field.${name}`) })),
      rows,
    ),
  };
}

async function privacy(context: CommandContext, id: string): Promise<Outcome> {
  const { text } = context.texts;
  const answer = await (await context.api()).get<Static<typeof PrivacyView>>(
    `/assets/${encodeURIComponent(id)}/privacy`,
  );
  const { delta, next } = answer;
  const said = (epsilon: string) => text("cli.asset.privacy.epsilon", { epsilon, delta });
  const after =
    next === undefined
      ? []
      : ([
          [text("cli.asset.privacy.next"), said(next.epsilon)],
          [text("cli.asset.privacy.after"), next.spent === null ? text("cli.asset.privacy.none") : said(next.spent)],
        ] as const);
  const human = renderFields([
    [text("cli.field.asset"), answer.asset],
    [text("cli.asset.privacy.account"), answer.accounts.map(({ account }) => account).join(", ")],
    [text("cli.asset.privacy.budget"), said(answer.budget)],
    [text("cli.asset.privacy.spent"), said(answer.spent)],
    [text("cli.asset.privacy.left"), said(answer.left)],
    ...after,
  ]);
  return { json: answer, human };
}

/** Requests and policies name the id. */
function elementText({ element, title }: Asset["fields"][number], texts: Texts): string {
  const named = title === undefined ? "" : texts.title(title);
  return named === "" ? element : texts.text("cli.asset.search.named", { title: named, element });
}

function assetSearch(group: Command, { texts, action }: Cli): void {
  const { text, title, reason } = texts;
  group
    .command("search")
    .argument("[text]", text("cli.asset.search.text"))
    .description(text("cli.asset.search"))
    .option("--element <id>", text("cli.asset.search.element"))
    .option("--provider <member>", text("cli.asset.search.provider"))
    .option("--level <level>", text("cli.asset.search.level"), choice(["L1", "L2", "L3", "L4"]))
    .option("--legal <grade>", text("cli.asset.search.legal"), choice(["core", "important", "general"]))
    .action(
      action<Record<string, unknown>>(async (context, options, words) => {
        const query = new URLSearchParams();
        for (const name of ["element", "provider", "level", "legal"]) {
          if (typeof options[name] === "string") query.set(name, options[name]);
        }
        if (words !== undefined) query.set("text", words);
        const answer = await (await context.api()).get<SearchAnswer>(`/catalogue?${query}`);
        const names = ["asset", "title", "grade", "elements"] as const;
        const rows = answer.assets.map(({ asset }) => [
          asset.id,
          title(asset.title),
          `${text(`grade.${asset.grade.legal}`)} ${asset.grade.level}`,
          asset.fields.map((field) => elementText(field, texts)).join("\n"),
        ]);
        const offered = answer.offers.map(({ member, id, title: named, copiedAt }) => [
          `${member}: ${id}`,
          named[""] ?? (title(named) || (Object.values(named)[0] ?? "")),
          text("cli.asset.search.offer", { at: copiedAt }),
          "",
        ]);
        for (const { member, error, copiedAt } of answer.sources) {
          if (error !== undefined)
            context.note(
              text("cli.asset.search.stale", {
                member,
                error: reason(error),
                at: copiedAt ?? text("cli.asset.search.never"),
              }),
            );
        }
        return {
          json: answer,
          human: renderTable(
            names.map((name) => ({ title: text(`cli.field.${name}`) })),
            [...rows, ...offered],
          ),
        };
      }),
    );
}

interface SearchAnswer {
  readonly assets: readonly { readonly asset: Asset }[];
  readonly offers: readonly Pick<FoundOffer, "member" | "id" | "title" | "copiedAt">[];
  readonly sources: readonly Pick<CrawledMember, "member" | "error" | "copiedAt">[];
}
