/** Calls of `peer`, `osnadmin`, `cryptogen` and `configtxgen` on one network, each with its administrator's certificate. */
import type { Binaries, Program } from "./binaries.ts";
import { FabricNetworkError } from "./fabric-error.ts";
import type { FabricLayout } from "./layout.ts";
import { HOST, PROFILE, signaturePolicy } from "./network-files.ts";
import type { FabricPlan, Orderer, Organisation } from "./network-plan.ts";
import { run, runWell, tailOf } from "./run-program.ts";

const COMMAND_MS = 60_000;
/** A question to a process that is starting or ending may hang: it is asked again. */
const QUESTION_MS = 5_000;

export interface Definition {
  readonly version: string;
  readonly sequence: number;
}

export type FabricCommands = ReturnType<typeof createCommands>;

export function createCommands(plan: FabricPlan, layout: FabricLayout, binaries: Binaries, signal: AbortSignal) {
  const { channel, chaincode } = plan;
  const options = (env: Record<string, string>, timeoutMs = COMMAND_MS) => ({
    env,
    cwd: layout.dir,
    timeoutMs,
    signal,
  });
  const program = (name: Program, args: readonly string[], env: Record<string, string> = {}) =>
    runWell(binaries.path[name], args, options(env));
  const peerEnv = (org: Organisation) => ({
    FABRIC_CFG_PATH: layout.peer.config(org),
    CORE_PEER_MSPCONFIGPATH: layout.peer.admin(org),
    FABRIC_LOGGING_SPEC: "error",
  });
  const asAdmin = (org: Organisation, args: readonly string[]) => program("peer", args, peerEnv(org));
  const [orderer] = plan.orderers as [Orderer, ...Orderer[]];
  const toOrderer = ["-o", `${HOST}:${orderer.port}`, "--tls", "--cafile", layout.orderer.tls(orderer).root];
  const osnadmin = (to: Orderer, args: readonly string[], timeoutMs = COMMAND_MS) => {
    const { certificate, key, root } = layout.orderer.tls(to);
    const tls = ["--ca-file", root, "--client-cert", certificate, "--client-key", key];
    return run(
      binaries.path.osnadmin,
      ["channel", ...args, "-o", `${HOST}:${to.admin}`, ...tls, "--channelID", channel],
      options({}, timeoutMs),
    );
  };
  const policy = signaturePolicy(plan);
  const definition = ({ version, sequence }: Definition) => [
    ...["--channelID", channel, "--name", chaincode, "--version", version, "--sequence", String(sequence)],
    ...(policy === undefined
      ? ["--channel-config-policy", "/Channel/Application/Endorsement"]
      : ["--signature-policy", policy]),
  ];

  return Object.freeze({
    cryptogen: (output: string) =>
      program("cryptogen", ["generate", `--config=${layout.cryptoConfig}`, `--output=${output}`]),
    configtxgen: (output: string) =>
      program(
        "configtxgen",
        ["-profile", PROFILE, "-channelID", channel, "-outputBlock", output, "-configPath", layout.dir],
        { FABRIC_LOGGING_SPEC: "error" },
      ),

    /** Height of the channel at this orderer, undefined while it has not joined; throws while it does not answer. */
    async ordererHeight(at: Orderer): Promise<number | undefined> {
      const { output } = await osnadmin(at, ["list"], QUESTION_MS);
      if (/Status: 404/.test(output)) return undefined;
      const height = /"height":\s*(\d+)/.exec(output)?.[1];
      if (height === undefined) throw new FabricNetworkError("ERR_FABRIC_COMMAND", `${at.name}: ${tailOf(output)}`);
      return Number(height);
    },
    async joinOrderer(at: Orderer): Promise<void> {
      const { output } = await osnadmin(at, ["join", "--config-block", layout.genesis]);
      if (!/Status: 201/.test(output)) {
        throw new FabricNetworkError("ERR_FABRIC_COMMAND", `${at.name}: joining ${channel}: ${tailOf(output)}`);
      }
    },

    /** Height of the channel at this peer, undefined while it has not joined; throws while it does not answer. */
    async peerHeight(org: Organisation): Promise<number | undefined> {
      const { data } = await asAdmin(org, ["channel", "list"]);
      if (!data.split("\n").includes(channel)) return undefined;
      const { output } = await asAdmin(org, ["channel", "getinfo", "-c", channel]);
      return Number(/"height":\s*(\d+)/.exec(output)?.[1] ?? 0);
    },
    joinPeer: (org: Organisation) => asAdmin(org, ["channel", "join", "-b", layout.genesis]),

    async isInstalled(org: Organisation, packageId: string): Promise<boolean> {
      const { data } = await asAdmin(org, ["lifecycle", "chaincode", "queryinstalled", "--output", "json"]);
      const { installed_chaincodes = [] } = JSON.parse(data) as { installed_chaincodes?: { package_id: string }[] };
      return installed_chaincodes.some((one) => one.package_id === packageId);
    },
    install: (org: Organisation) => asAdmin(org, ["lifecycle", "chaincode", "install", layout.chaincode.package(org)]),

    /** Approving the same once more is no error. */
    async approve(org: Organisation, wanted: Definition, packageId: string): Promise<void> {
      const args = ["lifecycle", "chaincode", "approveformyorg", ...toOrderer, ...definition(wanted)];
      const { code, output } = await run(
        binaries.path.peer,
        [...args, "--package-id", packageId],
        options(peerEnv(org)),
      );
      if (code === 0 || /unchanged content/.test(output)) return;
      throw new FabricNetworkError("ERR_FABRIC_COMMAND", `${org.name}: approval: ${tailOf(output)}`);
    },
    commit(org: Organisation, wanted: Definition) {
      const peers = plan.organisations.flatMap((one) => [
        ...["--peerAddresses", `${HOST}:${one.peer}`],
        ...["--tlsRootCertFiles", layout.peer.tls(one).root],
      ]);
      return asAdmin(org, ["lifecycle", "chaincode", "commit", ...toOrderer, ...definition(wanted), ...peers]);
    },
    /** What the channel has agreed on, undefined before the first commit. */
    async committed(org: Organisation): Promise<Definition | undefined> {
      const args = ["lifecycle", "chaincode", "querycommitted", "-C", channel, "-n", chaincode, "--output", "json"];
      const { code, data, output } = await run(binaries.path.peer, args, options(peerEnv(org)));
      if (code !== 0 && /not defined|404/.test(output)) return undefined;
      if (code !== 0) throw new FabricNetworkError("ERR_FABRIC_COMMAND", `${org.name}: ${tailOf(output)}`);
      const { version, sequence } = JSON.parse(data) as Definition;
      return { version, sequence };
    },
  });
}
