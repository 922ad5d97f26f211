/**
 * `sealane policy explain`: what every rule said about a request, and which column and term stopped it. A request that
 * was decided is told as it was decided; a draft, or another policy, is judged now.
 */
import type { Command } from "commander";
import type { Stop } from "../../../policies/engine/stops.ts";
import type { Verdict } from "../../../policies/model/verdict.ts";
import type { RequestView } from "../../http/routes/requests/schemas.ts";
import type { Texts } from "../../i18n/text.ts";
import type { ApiClient } from "../api-client.ts";
import type { Cli } from "../command.ts";
import { comparedText } from "../compared-text.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { CliError } from "../errors.ts";
import { renderFields, renderTable } from "../table.ts";

interface ExplainOptions {
  readonly asset?: string;
  readonly policy?: string;
  readonly requester?: string;
}

interface Explained {
  readonly asset: string;
  readonly outcome: "permit" | "refuse" | "wait";
  readonly reasons: readonly string[];
  readonly verdicts: readonly Verdict[];
  readonly stops: readonly Stop[];
  /** Of a decision that was made. */
  readonly policyVersion?: number;
  readonly decidedBy?: string;
  readonly at?: string;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const NO_ID = "00000000-0000-4000-8000-000000000000";

export function policyExplain(policy: Command, { texts: { text }, action }: Cli): void {
  policy
    .command("explain")
    .argument("<request>", text("cli.policy.explain.request"))
    .description(text("cli.policy.explain"))
    .option("--asset <asset>", text("cli.policy.explain.asset"))
    .option("--policy <file>", text("cli.policy.explain.policy"))
    .option("--requester <member>", text("cli.policy.explain.requester"))
    .action(action<ExplainOptions>((context, options, request) => explain(context, options, request)));
}

async function explain(context: CommandContext, options: ExplainOptions, request: string): Promise<Outcome> {
  const api = await context.api();
  const made = UUID.test(request) && options.policy === undefined ? await decisionsOn(api, request) : [];
  const wanted = made.filter(({ asset }) => options.asset === undefined || asset === options.asset);
  const explanations = wanted.length > 0 ? wanted : await judgedNow(context, api, options, request);
  return {
    json: { request, explanations },
    human: explanations.map((one) => explanationText(one, context.texts)).join("\n\n"),
  };
}

async function decisionsOn(api: ApiClient, request: string): Promise<readonly Explained[]> {
  const path = `/requests/${encodeURIComponent(request)}/explanations`;
  return (await api.get<{ explanations: Explained[] }>(path)).explanations;
}

/** Of a draft, what the requester's node would add is filled in. */
async function judgedNow(
  context: CommandContext,
  api: ApiClient,
  options: ExplainOptions,
  source: string,
): Promise<readonly Explained[]> {
  const { text } = context.texts;
  const found = UUID.test(source)
    ? (await api.get<RequestView>(`/requests/${encodeURIComponent(source)}`)).document
    : await draftIn(context, source);
  if (found === undefined) throw new CliError("ERR_CLI_USAGE", { reason: text("cli.policy.explain.noDocument") });
  const requester = options.requester === undefined ? {} : { requester: options.requester };
  if (options.requester === undefined && found?.requester === undefined) {
    throw new CliError("ERR_CLI_USAGE", { reason: text("cli.policy.explain.noRequester") });
  }
  const createdAt = new Date(context.surroundings.now()).toISOString();
  const request = { id: NO_ID, createdAt, ...found, ...requester };
  const other = options.policy === undefined ? undefined : await context.readJson(options.policy);
  const assets = await assetsFor(api, options, found, other);
  if (assets.length === 0) throw new CliError("ERR_CLI_USAGE", { reason: text("cli.policy.explain.noAsset") });
  const explanations: Explained[] = [];
  for (const asset of assets) {
    const path = `/assets/${encodeURIComponent(asset)}/policy/explain`;
    const body = other === undefined ? { request } : { request, policy: other };
    explanations.push({ ...(await api.post<Omit<Explained, "asset">>(path, body)), asset });
  }
  return explanations;
}

async function draftIn(context: CommandContext, file: string): Promise<Record<string, unknown> | null> {
  try {
    return (await context.readJson(file)) as Record<string, unknown> | null;
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== "ERR_CLI_FILE_MISSING") throw error;
    throw new CliError("ERR_CLI_NO_REQUEST", { given: file });
  }
}

/** The asset that was named, the one of the policy, or every own one that the request names. */
async function assetsFor(
  api: ApiClient,
  { asset }: ExplainOptions,
  request: unknown,
  policy: unknown,
): Promise<readonly string[]> {
  if (asset !== undefined) return [asset];
  const target = (policy as { readonly target?: unknown } | null | undefined)?.target;
  if (typeof target === "string") return [target];
  const asked = (request as { readonly assets?: unknown } | null)?.assets;
  const own = (await api.get<{ assets: { asset: { id: string } }[] }>("/assets")).assets.map((one) => one.asset.id);
  return own.filter((id) => Array.isArray(asked) && asked.includes(id));
}

function explanationText(explained: Explained, texts: Texts): string {
  const { text, reason } = texts;
  const fields = renderFields(
    (
      [
        [text("cli.field.asset"), explained.asset],
        [text("cli.field.verdict"), text(`outcome.${explained.outcome}`)],
        [text("cli.field.decidedAt"), explained.at ?? ""],
        [text("cli.field.decidedBy"), explained.decidedBy ?? ""],
        [text("cli.field.policyVersion"), explained.policyVersion === undefined ? "" : String(explained.policyVersion)],
      ] as const
    ).filter(([, value]) => value !== ""),
  );
  const columns = ["rule", "verdict", "reason"] as const;
  const rows = explained.verdicts.map(({ rule, verdict, reason: code, compared }) => [
    rule,
    text(`outcome.${verdict}`),
    `${reason(code)}${comparedText(compared, texts)}`,
  ]);
  const table = renderTable(
    columns.map((name) => ({ title: text(`cli.field.${name}`) })),
    rows,
  );
  return [fields, table, ...(explained.stops.length === 0 ? [] : [stopsTable(explained.stops, texts)])].join("\n\n");
}

/** What has to change before the request is permitted. */
export function stopsTable(stops: readonly Stop[], { text, reason }: Texts): string {
  const names = ["stoppedBy", "columns", "terms"] as const;
  return renderTable(
    names.map((name) => ({ title: text(`cli.field.${name}`) })),
    stops.map((stop) => [
      reason(stop.reason),
      stop.columns.join(", "),
      stop.terms.length === 0 ? text("cli.policy.explain.noTerm") : stop.terms.join(", "),
    ]),
  );
}
