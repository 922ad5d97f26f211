/** `sealane fabric`: a development network of Hyperledger Fabric's own programs on this machine. What it needs is loaded only then. */
import { randomBytes } from "node:crypto";
import type { FabricPlan } from "../../fabric/network-plan.ts";
import type { FabricStatus } from "../../fabric/status.ts";
import type { Texts } from "../../i18n/text.ts";
import type { CommandGroup } from "../command.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { EXIT } from "../errors.ts";
import { choice, integer } from "../options.ts";
import { createProgress } from "../progress.ts";
import { renderFields, renderTable } from "../table.ts";

interface InitFlags {
  readonly orgs: number;
  readonly orderers: "1" | "3";
  readonly endorsement: FabricPlan["endorsement"];
  readonly clients: number;
  readonly batchMs: number;
  readonly gateway: boolean;
}

interface PackageFlags {
  readonly address: string;
  readonly certificate: string;
  readonly out: string;
}

interface ServeFlags {
  readonly packageId: string;
  readonly listen: string;
  readonly certificate: string;
  readonly key: string;
}

interface PinFlags {
  readonly block: string;
}

export const fabricCommands: CommandGroup = (program, { texts, action }) => {
  const { text } = texts;
  const fabric = program.command("fabric").description(text("cli.fabric"));
  fabric
    .command("init")
    .description(text("cli.fabric.init"))
    .option("--orgs <count>", text("cli.fabric.orgs"), integer(1, 20), 3)
    .option("--orderers <count>", text("cli.fabric.orderers"), choice(["1", "3"]), "1")
    .option("--endorsement <policy>", text("cli.fabric.endorsement"), choice(["all", "majority"]), "majority")
    .option("--clients <count>", text("cli.fabric.clients"), integer(1, 100), 5)
    .option("--batch-ms <milliseconds>", text("cli.fabric.batch"), integer(1, 60_000), 50)
    .option("--no-gateway", text("cli.fabric.noGateway"))
    .action(action<InitFlags>(init));
  fabric
    .command("package")
    .description(text("cli.fabric.package"))
    .requiredOption("--address <host:port>", text("cli.fabric.address"))
    .requiredOption("--certificate <file>", text("cli.fabric.certificate"))
    .requiredOption("--out <file>", text("cli.fabric.package.out"))
    .action(action<PackageFlags>(makePackage));
  fabric
    .command("serve")
    .description(text("cli.fabric.serve"))
    .requiredOption("--package-id <id>", text("cli.fabric.packageId"))
    .requiredOption("--listen <host:port>", text("cli.fabric.listen"))
    .requiredOption("--certificate <file>", text("cli.fabric.certificate"))
    .requiredOption("--key <file>", text("cli.fabric.key"))
    .action(action<ServeFlags>(serve));
  fabric
    .command("pin")
    .description(text("cli.fabric.pin"))
    .requiredOption("--block <file>", text("cli.fabric.block"))
    .action(action<PinFlags>(pin));
  fabric.command("up").description(text("cli.fabric.up")).action(action(up));
  fabric.command("down").description(text("cli.fabric.down")).action(action(down));
  fabric.command("status").description(text("cli.fabric.status")).action(action(status));
};

async function init({ dir, texts }: CommandContext, flags: InitFlags): Promise<Outcome> {
  const { initFabric } = await import("../../fabric/init-network.ts");
  const options = {
    organisations: flags.orgs,
    orderers: flags.orderers === "3" ? (3 as const) : (1 as const),
    endorsement: flags.endorsement,
    clients: flags.clients,
    batchTimeoutMs: flags.batchMs,
    gateway: flags.gateway,
  };
  const plan = await initFabric(dir, options, { now: new Date().toISOString(), random: randomBytes });
  return { json: { dir, ...plan }, human: texts.text("cli.fabric.init.done", { dir }) };
}

const LABEL = "sealane";

async function makePackage(context: CommandContext, { address, certificate, out }: PackageFlags): Promise<Outcome> {
  const { codeDigest } = await import("../../../chaincode/fabric/code-digest.ts");
  const { chaincodePackage } = await import("../../fabric/chaincode-package.ts");
  const rootCertificate = await context.readText(certificate);
  const { bytes, id } = chaincodePackage({ label: LABEL, address, rootCertificate });
  await context.writePrivate(out, bytes);
  const version = codeDigest();
  const { text } = context.texts;
  const facts = renderFields([
    [text("cli.fabric.packageId"), id],
    [text("cli.fabric.codeVersion"), version],
  ]);
  return { json: { packageId: id, version, file: context.path(out) }, human: facts };
}

const MAX_BLOCK_BYTES = 64 * 1024 * 1024;

/** What a connection profile pins of a channel, from its first block as `peer channel fetch 0` writes it. */
async function pin(context: CommandContext, { block }: PinFlags): Promise<Outcome> {
  const { readGenesis } = await import("../../../ledger/fabric/genesis.ts");
  const { channel, genesis, organisations } = readGenesis(await context.readBytes(block, MAX_BLOCK_BYTES), block);
  const { text } = context.texts;
  const facts = renderFields([
    [text("cli.fabric.channel"), channel],
    [text("cli.fabric.genesis"), genesis],
    [text("cli.fabric.organisations"), organisations.join(", ")],
  ]);
  return { json: { channel, genesis, organisations }, human: facts };
}

/** In the foreground, until it is asked to stop. */
async function serve(context: CommandContext, flags: ServeFlags): Promise<Outcome> {
  const { serveSealane } = await import("../../fabric/serve-sealane.ts");
  const { signal } = context.surroundings;
  const server = await serveSealane({
    packageId: flags.packageId,
    address: flags.listen,
    key: await context.readText(flags.key),
    certificate: await context.readText(flags.certificate),
  });
  context.note(context.texts.text("cli.fabric.serving", { address: flags.listen }));
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  server.close();
  return { json: { ended: true }, human: "" };
}

async function up(context: CommandContext): Promise<Outcome> {
  const { dir, surroundings, texts } = context;
  const { findBinaries } = await import("../../fabric/binaries.ts");
  const { readFabric } = await import("../../fabric/init-network.ts");
  const { hasGateway } = await import("../../fabric/network-plan.ts");
  const { probe } = await import("../../fabric/probe.ts");
  const { sealaneChaincode } = await import("../../fabric/sealane-chaincode.ts");
  const { upFabric } = await import("../../fabric/up.ts");
  const network = await readFabric(dir);
  const binaries = await findBinaries(surroundings.env, { gateway: hasGateway(network.plan) });
  const report = await createProgress(surroundings).step(texts.text("cli.fabric.up.step"), (update) =>
    upFabric(network, {
      binaries,
      chaincode: sealaneChaincode(),
      signal: surroundings.signal,
      onStep: (step) => update(texts.text(`fabric.step.${step}`)),
      probe,
    }),
  );
  const { plan, layout } = network;
  const profiles = plan.organisations.map((org) => layout.peer.profile(org, 1));
  const facts = renderFields([
    [texts.text("cli.fabric.version"), binaries.version],
    [texts.text("cli.fabric.started"), report.started.join(", ") || texts.text("cli.fabric.nothing")],
    [texts.text("cli.fabric.chaincode"), `${plan.chaincode} ${report.version} (${report.sequence})`],
    [texts.text("cli.fabric.profiles"), profiles.join("\n")],
  ]);
  return { json: { ...report, fabric: binaries.version, profiles }, human: facts };
}

async function down({ dir, texts }: CommandContext): Promise<Outcome> {
  const { downFabric } = await import("../../fabric/down.ts");
  const { readFabric } = await import("../../fabric/init-network.ts");
  const ended = await downFabric(await readFabric(dir));
  return {
    json: { ended },
    human: texts.text("cli.fabric.ended", { names: ended.join(", ") || texts.text("cli.fabric.nothing") }),
  };
}

async function status({ dir, surroundings, texts }: CommandContext): Promise<Outcome> {
  const { findBinaries } = await import("../../fabric/binaries.ts");
  const { readFabric } = await import("../../fabric/init-network.ts");
  const { fabricStatus } = await import("../../fabric/status.ts");
  const { hasGateway } = await import("../../fabric/network-plan.ts");
  const network = await readFabric(dir);
  const binaries = await findBinaries(surroundings.env, { gateway: hasGateway(network.plan) });
  const found = await fabricStatus(network, binaries, surroundings.signal);
  const whole = found.processes.every(({ pid }) => pid !== undefined) && found.chaincode !== undefined;
  return { json: found, human: statusText(found, texts), exitCode: whole ? EXIT.ok : EXIT.failed };
}

function statusText({ channel, chaincode, processes }: FabricStatus, { text }: Texts): string {
  const agreed =
    chaincode === undefined
      ? text("cli.fabric.nothing")
      : `${chaincode.name} ${chaincode.version} (${chaincode.sequence})`;
  const facts = renderFields([
    [text("cli.fabric.channel"), channel],
    [text("cli.fabric.chaincode"), agreed],
  ]);
  const columns = ["process", "pid", "height", "address", "log"] as const;
  const rows = processes.map(({ name, pid, height, address, log }) => [
    name,
    pid === undefined ? text("cli.fabric.dead") : String(pid),
    height === undefined ? "" : String(height),
    address,
    log,
  ]);
  const table = renderTable(
    columns.map((name) => ({ title: text(`cli.fabric.column.${name}`) })),
    rows,
  );
  return `${facts}\n\n${table}`;
}
