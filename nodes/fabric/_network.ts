/** A network in a temporary folder for tests and benchmarks, and ledgers on it: under a name of its own each is empty. */
import { randomBytes, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { clientOf } from "../../chaincode/fabric/caller.ts";
import { codeDigest } from "../../chaincode/fabric/code-digest.ts";
import type { Contract } from "../../chaincode/fabric/contract.ts";
import { type ChaincodeServer, startChaincode } from "../../chaincode/fabric/server.ts";
import { NETWORK, type TestMember, testMember } from "../../ledger/conformance/fixture.ts";
import { openLevelStore } from "../../ledger/embedded/store.ts";
import { type FabricLedgerOptions, openFabricLedger } from "../../ledger/fabric/open-fabric-ledger.ts";
import { type FabricProfile, parseProfile } from "../../ledger/fabric/profile.ts";
import type { Ledger } from "../../ledger/port.ts";
import type { Binaries } from "./binaries.ts";
import { createCommands } from "./commands.ts";
import { downFabric } from "./down.ts";
import { isFree } from "./free-ports.ts";
import { initFabric, packageIdOf, readFabric, type StoredNetwork } from "./init-network.ts";
import { HOST } from "./network-files.ts";
import type { Organisation, PlanOptions } from "./network-plan.ts";
import { chaincodeName } from "./network-processes.ts";
import { probe } from "./probe.ts";
import { livePid } from "./processes.ts";
import { sealaneChaincode } from "./sealane-chaincode.ts";
import { upFabric } from "./up.ts";

export interface FabricClient {
  readonly profile: FabricProfile;
  readonly client: FabricLedgerOptions["client"];
  readonly member: TestMember;
}

export interface ScratchFabric {
  readonly network: StoredNetwork;
  /** One member of each organisation; the first is the founder. */
  readonly clients: readonly FabricClient[];
  /** The contract under a new name, agreed on by all; nothing is recorded there. `version` is that of the running code by default. */
  deploy(version?: string): Promise<string>;
  /** A new version of it, agreed on by all. */
  redefine(chaincode: string, version: string, sequence: number): Promise<void>;
  /** In this process, in the place of the chaincode servers of these organisations; `up` starts theirs again once it is closed. */
  serve(organisations: readonly Organisation[], contract: Contract): Promise<{ close(): void }>;
  open(
    client: FabricClient,
    chaincode: string,
    options?: Partial<FabricLedgerOptions> & { readonly location?: string },
  ): Promise<Ledger>;
  /** Starts again whatever is not running. */
  up(): Promise<void>;
  kill(process: string): Promise<void>;
  location(): Promise<string>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const FOUNDING_MEMBERS = ["operator", "second", "third"];

export async function startScratchFabric(
  binaries: Binaries,
  options: Pick<PlanOptions, "organisations" | "orderers" | "endorsement" | "gateway">,
): Promise<ScratchFabric> {
  const dir = await mkdtemp(join(tmpdir(), "sealane-fabric-"));
  const now = new Date().toISOString();
  await initFabric(dir, { ...options, clients: 2, batchTimeoutMs: 50 }, { now, random: randomBytes });
  const network = await readFabric(dir);
  const { signal } = new AbortController();
  const up = () =>
    upFabric(network, { binaries, chaincode: sealaneChaincode(), signal, onStep: () => undefined, probe });
  await up();
  const clients = await Promise.all(
    network.plan.organisations.map(async (org, at) => {
      const kind = at === 0 ? "industry" : "enterprise";
      return readClient(network.layout.peer.profile(org, 1), FOUNDING_MEMBERS[at] ?? org.name, kind);
    }),
  );
  const define = async (chaincode: string, version: string, sequence: number) => {
    const { plan, layout } = network;
    const commands = createCommands({ ...plan, chaincode }, layout, binaries, signal);
    for (const org of plan.organisations)
      await commands.approve(org, { version, sequence }, await packageIdOf(network, org));
    await commands.commit(plan.organisations[0]!, { version, sequence });
  };
  const kill = async (process: string) => {
    const pid = await livePid(network.layout.record(process));
    if (pid === undefined) throw new Error(`${process}: does not run`);
    globalThis.process.kill(pid, "SIGKILL");
  };
  let deployed = 0;
  const close = async () => {
    await downFabric(network);
    await rm(dir, { recursive: true, force: true });
  };

  return Object.freeze({
    network,
    clients,
    async deploy(version = codeDigest()) {
      deployed += 1;
      await define(`sealane-${deployed}`, version, 1);
      return `sealane-${deployed}`;
    },
    redefine: define,
    async serve(organisations: readonly Organisation[], contract: Contract) {
      const { layout } = network;
      const servers: ChaincodeServer[] = [];
      for (const org of organisations) {
        await kill(chaincodeName(org));
        const tls = {
          key: await readFile(layout.chaincode.key(org)),
          certificate: await readFile(layout.chaincode.certificate(org)),
        };
        const place = { packageId: await packageIdOf(network, org), address: `${HOST}:${org.chaincode}`, tls };
        while (!(await isFree(org.chaincode))) await pause(20);
        servers.push(await startChaincode(contract, place));
      }
      return { close: () => servers.forEach((server) => void server.close()) };
    },
    async open(
      { profile, client, member }: FabricClient,
      chaincode: string,
      given: Partial<FabricLedgerOptions> & { readonly location?: string } = {},
    ) {
      const { location = join(await mkdtemp(join(dir, "store-")), "ledger"), ...others } = given;
      const store = await openLevelStore(location);
      const base = {
        store,
        network: NETWORK,
        client,
        member: member.id,
        code: codeDigest(),
        now: Date.now,
        retryMs: 200,
      };
      return openFabricLedger({ ...base, profile: { ...profile, chaincode }, ...others });
    },
    async up() {
      await up();
    },
    kill,
    location: async () => join(await mkdtemp(join(dir, "store-")), "ledger"),
    close,
    [Symbol.asyncDispose]: close,
  });
}

async function readClient(file: string, id: string, kind: "industry" | "enterprise"): Promise<FabricClient> {
  const profile = parseProfile(await readFile(file, "utf8"), file);
  const read = (path: string) => readFile(resolve(dirname(file), path), "utf8");
  const client = { certificate: await read(profile.client.certificate), privateKey: await read(profile.client.key) };
  const fabric = clientOf(profile.client.mspId, new X509Certificate(client.certificate));
  return { profile, client, member: testMember(id, { kind, fabric }) };
}
