/** `sealane node init`: what an organisation says about itself, turned into a node folder. */
import type { Command } from "commander";
import type { NodeKind } from "../../../chaincode/rules/vocabulary.ts";
import { SUITE_IDS, type SuiteId } from "../../../crypto/suites/suite.ts";
import type { Texts } from "../../i18n/text.ts";
import { systemEffects } from "../../runtime/effects.ts";
import type { Cli } from "../command.ts";
import { CliError } from "../errors.ts";
import { choice, collect, integer, pair } from "../options.ts";
import { readPassphrase } from "../passphrase.ts";
import { renderFields } from "../table.ts";

const NODE_KINDS = ["government", "enterprise", "industry"] as const satisfies readonly NodeKind[];

interface InitOptions {
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  readonly titleZh?: string;
  readonly organisation?: string;
  readonly holdingGroup?: string;
  readonly attribute?: readonly string[];
  readonly cosigner: boolean;
  readonly apiPort: number;
  readonly endpoint?: string;
  readonly listen?: string;
  readonly operator?: string;
  readonly fabric?: string;
  readonly suite: SuiteId;
}

export function nodeInit(node: Command, { texts, action }: Cli): void {
  const { text } = texts;
  node
    .command("init")
    .description(text("cli.node.init"))
    .requiredOption("--id <member>", text("cli.node.init.id"))
    .requiredOption("--kind <kind>", `${text("cli.node.init.kind")}: ${NODE_KINDS.join(" | ")}`, choice(NODE_KINDS))
    .requiredOption("--title <name>", text("cli.node.init.title"))
    .option("--title-zh <name>", text("cli.node.init.titleZh"))
    .option("--organisation <code>", text("cli.node.init.organisation"))
    .option("--holding-group <code>", text("cli.node.init.holdingGroup"))
    .option("--attribute <name=code>", text("cli.node.init.attribute"), collect)
    .option("--no-cosigner", text("cli.node.init.noCosigner"))
    .option("--api-port <port>", text("cli.node.init.apiPort"), integer(0, 65_535), 7080)
    .option("--endpoint <url>", text("cli.node.init.endpoint"))
    .option("--listen <host:port>", text("cli.node.init.listen"))
    .option("--operator <name>", text("cli.node.init.operator"))
    .option("--fabric <profile>", text("cli.node.init.fabric"))
    .option("--suite <suite>", `${text("cli.node.init.suite")}: ${SUITE_IDS.join(" | ")}`, choice(SUITE_IDS), "intl")
    .action(
      action<InitOptions>(async (context, options) => {
        const { initNode } = await import("../../runtime/init-node.ts");
        const passphrase = await readPassphrase(context);
        const created = await initNode({
          dir: context.dir,
          config: {
            ...configOf(options, texts),
            ...(options.fabric === undefined ? {} : { ledger: { fabric: context.path(options.fabric) } }),
          },
          suite: options.suite,
          effects: systemEffects,
          ...(passphrase === undefined ? {} : { passphrase }),
        });
        const member = created.config.member.id;
        return {
          json: { dir: context.dir, member, key: created.keyId, suite: options.suite, config: created.config },
          human: renderFields([
            [text("cli.field.folder"), context.dir],
            [text("cli.field.member"), member],
            [text("cli.field.key"), created.keyId],
          ]),
        };
      }),
    );
}

function configOf(options: InitOptions, texts: Texts): Record<string, unknown> {
  const title = { en: options.title, ...(options.titleZh === undefined ? {} : { "zh-CN": options.titleZh }) };
  return {
    member: {
      id: options.id,
      title,
      kind: options.kind,
      organisation: options.organisation ?? options.id,
      holdingGroup: options.holdingGroup ?? options.id,
      attributes: Object.fromEntries((options.attribute ?? []).map((text) => pair("--attribute", text))),
      cosigner: options.cosigner,
    },
    api: { host: "127.0.0.1", port: options.apiPort },
    ...(options.endpoint === undefined ? {} : { peer: peerOf(options.endpoint, options.listen, texts) }),
    ...(options.operator === undefined ? {} : { operator: { name: options.operator } }),
  };
}

/** Without `--listen` a loopback endpoint listens on loopback and any other on every interface, at its own port. */
function peerOf(endpoint: string, listen: string | undefined, { text }: Texts): Record<string, unknown> {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || url.protocol !== "https:") {
    throw new CliError("ERR_CLI_USAGE", { reason: text("cli.node.init.endpointForm", { given: endpoint }) });
  }
  const local = url.hostname === "127.0.0.1" || url.hostname === "localhost";
  const given = /^(.+):(\d+)$/.exec(listen ?? `${local ? "127.0.0.1" : "0.0.0.0"}:${url.port || "443"}`);
  if (given === null) {
    throw new CliError("ERR_CLI_USAGE", { reason: text("cli.node.init.listenForm", { given: listen ?? endpoint }) });
  }
  return { host: given[1], port: Number(given[2]), endpoint: endpoint.replace(/\/$/, "") };
}
