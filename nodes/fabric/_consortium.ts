/**
 * A network as a consortium has it, by Fabric's own programs and files written here: two peer organisations and an ordering
 * service under authorities, a channel and a chaincode of other names than those of a development network. Nothing of
 * `sealane fabric up` is used.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Binaries, Program } from "./binaries.ts";
import { BUILDER_SCRIPTS } from "./builder-scripts.ts";
import { freePorts } from "./free-ports.ts";
import { run, runWell } from "./run-program.ts";
import { writeYaml } from "./yaml.ts";

export const CHANNEL = "trade-lane-7";
export const CHAINCODE = "exchange-records";
const ORDERER = "LedgerOpsMSP";

export interface ConsortiumOrganisation {
  readonly name: string;
  readonly mspId: string;
  readonly port: number;
  /** Free, for its chaincode server. */
  readonly chaincodePort: number;
  /** PEM files. */
  readonly files: Readonly<Record<"root" | "tlsRoot" | "clientCertificate" | "clientKey", string>>;
  peer(...args: readonly string[]): Promise<string>;
}

export interface Consortium {
  readonly dir: string;
  readonly organisations: readonly [ConsortiumOrganisation, ConsortiumOrganisation];
  readonly orderer: { readonly mspId: string; readonly root: string };
  /** Flags of `peer` that lead to the ordering service. */
  readonly toOrderer: readonly string[];
  close(): Promise<void>;
}

const ORGANISATIONS = [
  { name: "harbor", mspId: "HarborMSP", authority: { CommonName: "harbor-root", Organization: "Harbor Authority" } },
  { name: "ridge", mspId: "RidgeMSP", authority: { CommonName: "ridge-root", Organization: "Ridge" } },
];
const SANS = ["localhost", "127.0.0.1"];
const signature = (Rule: string) => ({ Type: "Signature", Rule });
const implicit = (Rule: string) => ({ Type: "ImplicitMeta", Rule });
const META = {
  Readers: implicit("ANY Readers"),
  Writers: implicit("ANY Writers"),
  Admins: implicit("MAJORITY Admins"),
};
const policiesOf = (mspId: string) => ({
  Readers: signature(`OR('${mspId}.member')`),
  Writers: signature(`OR('${mspId}.member')`),
  Admins: signature(`OR('${mspId}.admin')`),
  Endorsement: signature(`OR('${mspId}.peer')`),
});

export async function startConsortium(binaries: Binaries): Promise<Consortium> {
  const dir = await mkdtemp(join(tmpdir(), "sealane-consortium-"));
  const [ordererPort, adminPort, ...ports] = (await freePorts(6, Math.random)) as [number, number, ...number[]];
  const running: ChildProcess[] = [];
  const at = (...parts: string[]) => join(dir, ...parts);
  const program = (name: Program, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    runWell(binaries.path[name], args, { env: { FABRIC_CFG_PATH: dir, ...env }, cwd: dir, timeoutMs: 60_000 });
  const start = (name: Program, args: readonly string[], config: string) => {
    const env = { FABRIC_CFG_PATH: config, FABRIC_LOGGING_SPEC: "error", PATH: "/usr/bin:/bin" };
    running.push(spawn(binaries.path[name], args, { env, cwd: dir, stdio: "ignore" }));
  };
  async function close(): Promise<void> {
    for (const child of running) {
      const exit = once(child, "exit");
      if (child.exitCode === null && child.kill("SIGKILL")) await exit;
    }
    await rm(dir, { recursive: true, force: true });
  }

  try {
    const orderer = at("crypto/ordererOrganizations/ops.example/orderers/o1.ops.example");
    const files = (name: string) => {
      const home = at(`crypto/peerOrganizations/${name}.example`);
      return { home, node: join(home, `peers/node-a.${name}.example`), user: join(home, `users`) };
    };
    await writeFile(
      at("crypto-config.yaml"),
      writeYaml({
        OrdererOrgs: [{ Name: "Ops", Domain: "ops.example", EnableNodeOUs: true, Specs: [{ Hostname: "o1", SANS }] }],
        PeerOrgs: ORGANISATIONS.map(({ name, authority }) => ({
          Name: name,
          Domain: `${name}.example`,
          EnableNodeOUs: true,
          CA: authority,
          Specs: [{ Hostname: "node-a", SANS }],
          Users: { Count: 1 },
        })),
      }),
    );
    await program("cryptogen", ["generate", `--config=${at("crypto-config.yaml")}`, `--output=${at("crypto")}`]);
    const tls = join(orderer, "tls/server.crt");
    await writeFile(
      at("configtx.yaml"),
      writeYaml({
        Profiles: {
          Lane: {
            Capabilities: { V2_0: true },
            Policies: META,
            Orderer: {
              OrdererType: "etcdraft",
              BatchTimeout: "100ms",
              BatchSize: { MaxMessageCount: 50, AbsoluteMaxBytes: "10 MB", PreferredMaxBytes: "1 MB" },
              Capabilities: { V2_0: true },
              EtcdRaft: {
                Consenters: [{ Host: "localhost", Port: ordererPort, ClientTLSCert: tls, ServerTLSCert: tls }],
                Options: {
                  TickInterval: "100ms",
                  ElectionTick: 10,
                  HeartbeatTick: 1,
                  MaxInflightBlocks: 5,
                  SnapshotIntervalSize: "16 MB",
                },
              },
              Organizations: [
                {
                  Name: "Ops",
                  ID: ORDERER,
                  MSPDir: at("crypto/ordererOrganizations/ops.example/msp"),
                  Policies: policiesOf(ORDERER),
                  OrdererEndpoints: [`localhost:${ordererPort}`],
                },
              ],
              Policies: { ...META, BlockValidation: implicit("ANY Writers") },
            },
            Application: {
              Capabilities: { V2_5: true },
              Organizations: ORGANISATIONS.map(({ name, mspId }, index) => ({
                Name: name,
                ID: mspId,
                MSPDir: join(files(name).home, "msp"),
                Policies: policiesOf(mspId),
                AnchorPeers: [{ Host: "localhost", Port: ports[index]! }],
              })),
              Policies: {
                ...META,
                LifecycleEndorsement: implicit("MAJORITY Endorsement"),
                Endorsement: implicit("MAJORITY Endorsement"),
              },
            },
          },
        },
      }),
    );
    await program("configtxgen", [
      "-profile",
      "Lane",
      "-channelID",
      CHANNEL,
      "-outputBlock",
      at("lane.block"),
      "-configPath",
      dir,
    ]);
    for (const [name, script] of Object.entries(BUILDER_SCRIPTS)) {
      await mkdir(at("builder/bin"), { recursive: true });
      await writeFile(at("builder/bin", name), script, { mode: 0o755 });
    }
    await writeConfig(at("ops"), "orderer", ordererConfig(orderer, at("data/o1"), ordererPort, adminPort));
    start("orderer", [], at("ops"));
    const organisations = [];
    for (const [index, { name, mspId }] of ORGANISATIONS.entries()) {
      const { home, node, user } = files(name);
      const port = ports[index]!;
      await writeConfig(
        at(name),
        "core",
        coreConfig({ mspId, node, port, data: at("data", name), builder: at("builder") }),
      );
      start("peer", ["node", "start"], at(name));
      const admin = { FABRIC_CFG_PATH: at(name), CORE_PEER_MSPCONFIGPATH: join(user, `Admin@${name}.example/msp`) };
      const client = join(user, `User1@${name}.example/msp`);
      organisations.push({
        name,
        mspId,
        port,
        chaincodePort: ports[2 + index]!,
        files: {
          root: await onlyFile(join(home, "msp/cacerts")),
          tlsRoot: join(node, "tls/ca.crt"),
          clientCertificate: await onlyFile(join(client, "signcerts")),
          clientKey: await onlyFile(join(client, "keystore")),
        },
        peer: async (...args: readonly string[]) =>
          (await program("peer", args, { ...admin, FABRIC_LOGGING_SPEC: "error" })).output,
      });
    }
    const [key, root] = [join(orderer, "tls/server.key"), join(orderer, "tls/ca.crt")];
    const toAdmin = ["-o", `localhost:${adminPort}`, "--ca-file", root, "--client-cert", tls, "--client-key", key];
    await again(async () => {
      const args = ["channel", "join", "--channelID", CHANNEL, "--config-block", at("lane.block"), ...toAdmin];
      const { output } = await run(binaries.path.osnadmin, args, { env: {}, cwd: dir, timeoutMs: 10_000 });
      if (!/Status: (?:201|405)/.test(output)) throw new Error(output);
    });
    for (const { peer } of organisations) await again(() => peer("channel", "join", "-b", at("lane.block")));
    return {
      dir,
      organisations: organisations as unknown as Consortium["organisations"],
      orderer: { mspId: ORDERER, root: await onlyFile(at("crypto/ordererOrganizations/ops.example/msp/cacerts")) },
      toOrderer: ["-o", `localhost:${ordererPort}`, "--tls", "--cafile", root],
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** While a process starts, or peers of two organisations have not found each other. */
export async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await work();
    } catch (error) {
      if (tried === 120) throw error;
      await pause(250);
    }
  }
}

async function writeConfig(folder: string, name: string, config: Parameters<typeof writeYaml>[0]): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.yaml`), writeYaml(config));
}

async function onlyFile(folder: string): Promise<string> {
  const [name] = await readdir(folder);
  await readFile(join(folder, name!));
  return join(folder, name!);
}

const SOFTWARE = { Default: "SW", SW: { Hash: "SHA2", Security: 256 } };

/** Beyond what a peer must be told, Fabric's own defaults. */
function coreConfig(peer: { mspId: string; node: string; port: number; data: string; builder: string }) {
  const address = `localhost:${peer.port}`;
  const tls = (file: string) => ({ file: join(peer.node, "tls", file) });
  return {
    peer: {
      id: peer.mspId,
      networkId: "lane",
      listenAddress: `127.0.0.1:${peer.port}`,
      address,
      chaincodeListenAddress: "127.0.0.1:0",
      localMspId: peer.mspId,
      localMspType: "bccsp",
      mspConfigPath: join(peer.node, "msp"),
      fileSystemPath: peer.data,
      BCCSP: SOFTWARE,
      tls: { enabled: true, cert: tls("server.crt"), key: tls("server.key"), rootcert: tls("ca.crt") },
      gateway: { enabled: true, endorsementTimeout: "30s", broadcastTimeout: "30s", dialTimeout: "10s" },
      discovery: { enabled: true, authCacheEnabled: true, authCacheMaxSize: 1000, authCachePurgeRetentionRatio: 0.75 },
      gossip: {
        bootstrap: address,
        endpoint: address,
        externalEndpoint: address,
        useLeaderElection: false,
        orgLeader: true,
        reconnectInterval: "2s",
        aliveTimeInterval: "1s",
        aliveExpirationTimeout: "5s",
        publishStateInfoInterval: "1s",
        requestStateInfoInterval: "1s",
        state: { enabled: false },
        pvtData: { implicitCollectionDisseminationPolicy: { requiredPeerCount: 0, maxPeerCount: 1 } },
      },
      handlers: {
        authFilters: [{ name: "DefaultAuth" }, { name: "ExpirationCheck" }],
        decorators: [{ name: "DefaultDecorator" }],
        endorsers: { escc: { name: "DefaultEndorsement" } },
        validators: { vscc: { name: "DefaultValidation" } },
      },
      limits: { concurrency: { endorserService: 2500, deliverService: 2500, gatewayService: 500 } },
    },
    vm: { endpoint: "" },
    chaincode: {
      mode: "net",
      keepalive: 0,
      installTimeout: "60s",
      startuptimeout: "60s",
      executetimeout: "30s",
      externalBuilders: [{ name: "own", path: peer.builder, propagateEnvironment: [] }],
      system: { _lifecycle: "enable", cscc: "enable", lscc: "enable", qscc: "enable" },
    },
    ledger: {
      state: { stateDatabase: "goleveldb", totalQueryLimit: 10_000 },
      history: { enableHistoryDatabase: true },
      pvtdataStore: { collElgProcMaxDbBatchSize: 5000, collElgProcDbBatchesInterval: 1000, purgeInterval: 100 },
      snapshots: { rootDir: join(peer.data, "snapshots") },
    },
    operations: { listenAddress: "127.0.0.1:0" },
  };
}

function ordererConfig(home: string, data: string, port: number, admin: number) {
  const file = (name: string) => join(home, "tls", name);
  const tls = {
    Enabled: true,
    PrivateKey: file("server.key"),
    Certificate: file("server.crt"),
    RootCAs: [file("ca.crt")],
  };
  return {
    General: {
      ListenAddress: "127.0.0.1",
      ListenPort: port,
      TLS: tls,
      Cluster: { ClientCertificate: tls.Certificate, ClientPrivateKey: tls.PrivateKey, RootCAs: tls.RootCAs },
      BootstrapMethod: "none",
      LocalMSPDir: join(home, "msp"),
      LocalMSPID: ORDERER,
      BCCSP: SOFTWARE,
    },
    FileLedger: { Location: data },
    Operations: { ListenAddress: "127.0.0.1:0" },
    Admin: {
      ListenAddress: `127.0.0.1:${admin}`,
      TLS: { ...tls, ClientAuthRequired: true, ClientRootCAs: tls.RootCAs },
    },
    ChannelParticipation: { Enabled: true, MaxRequestBodySize: "1 MB" },
    Consensus: { WALDir: join(data, "wal"), SnapDir: join(data, "snapshots") },
  };
}
