/** `sealane fabric up`: whatever of the network is missing is made, started, joined, agreed on; what is there stays. */
import { rename, rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Binaries } from "./binaries.ts";
import type { ChaincodeProgram } from "./chaincode-program.ts";
import { createCommands, type FabricCommands } from "./commands.ts";
import { FabricNetworkError } from "./fabric-error.ts";
import { isFree } from "./free-ports.ts";
import { packageIdOf, type StoredNetwork } from "./init-network.ts";
import { HOST } from "./network-files.ts";
import type { Organisation } from "./network-plan.ts";
import { chaincodeProcess, ordererProcess, peerProcess } from "./network-processes.ts";
import { endProcess, isCurrent, type ProcessPlan, startProcess, waitUntilUp } from "./processes.ts";
import { writeProfiles } from "./profiles.ts";

export const UP_STEPS = ["crypto", "orderers", "peers", "chaincode", "agreement", "ready"] as const;
export type UpStep = (typeof UP_STEPS)[number];

export interface UpDeps {
  readonly binaries: Binaries;
  readonly chaincode: ChaincodeProgram;
  readonly signal: AbortSignal;
  readonly onStep: (step: UpStep) => void;
  /** One transaction through the peer of this organisation; throws while that does not work. */
  readonly probe: (network: StoredNetwork, org: Organisation, how: { readonly commits: boolean }) => Promise<void>;
}

export interface UpReport {
  /** Names of the processes that were started now. */
  readonly started: readonly string[];
  readonly version: string;
  readonly sequence: number;
  readonly ms: number;
}

const START_MS = 60_000;
const READY_MS = 120_000;

export async function upFabric(network: StoredNetwork, deps: UpDeps): Promise<UpReport> {
  const from = performance.now();
  const { plan, layout } = network;
  const { binaries, signal, onStep } = deps;
  const commands = createCommands(plan, layout, binaries, signal);
  const started: string[] = [];
  const start = async (process: ProcessPlan, port: number, isUp: () => Promise<boolean>) => {
    if (!(await isCurrent(process))) {
      await endProcess(process.record);
      if (!(await isFree(port))) {
        throw new FabricNetworkError("ERR_FABRIC_PORTS", `${process.name}: port ${port} is taken by another program`);
      }
      await startProcess(process);
      started.push(process.name);
    }
    await waitUntilUp(process, isUp, { timeoutMs: START_MS, signal });
  };

  onStep("crypto");
  await makeCrypto(network, commands);
  await writeProfiles(network);
  onStep("orderers");
  await all(plan.orderers, async (orderer) => {
    await start(
      ordererProcess(network, orderer, binaries),
      orderer.port,
      answers(() => commands.ordererHeight(orderer)),
    );
    if ((await commands.ordererHeight(orderer)) === undefined) await commands.joinOrderer(orderer);
  });
  onStep("peers");
  await all(plan.organisations, async (org) => {
    await start(
      peerProcess(network, org, binaries),
      org.peer,
      answers(() => commands.peerHeight(org)),
    );
    if ((await commands.peerHeight(org)) === undefined) await commands.joinPeer(org);
  });
  onStep("chaincode");
  const packageIds = new Map<string, string>();
  await all(plan.organisations, async (org) => {
    const packageId = await packageIdOf(network, org);
    packageIds.set(org.name, packageId);
    const server = chaincodeProcess(network, org, deps.chaincode, packageId);
    await start(server, org.chaincode, () => accepts(org.chaincode));
    if (!(await commands.isInstalled(org, packageId))) await commands.install(org);
  });
  onStep("agreement");
  const agreed = await agree(network, commands, deps.chaincode.version, packageIds, signal);
  onStep("ready");
  await all(plan.organisations, (org) =>
    untilItWorks(() => deps.probe(network, org, { commits: org === plan.organisations[0] }), signal),
  );
  return { started, ...agreed, ms: Math.round(performance.now() - from) };
}

/** Side by side; when one fails, the others come to their end before that is said. */
async function all<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (const done of await Promise.allSettled(items.map(work))) if (done.status === "rejected") throw done.reason;
}

/** Each in one rename, so that a half-made one is never used. */
async function makeCrypto({ layout }: StoredNetwork, commands: FabricCommands): Promise<void> {
  const make = async (path: string, program: (output: string) => Promise<unknown>) => {
    if (await exists(path)) return;
    const draft = `${path}.draft`;
    await rm(draft, { recursive: true, force: true });
    await program(draft);
    await rename(draft, path);
  };
  await make(layout.crypto, commands.cryptogen);
  await make(layout.genesis, commands.configtxgen);
}

async function agree(
  { plan }: StoredNetwork,
  commands: FabricCommands,
  version: string,
  packageIds: ReadonlyMap<string, string>,
  signal: AbortSignal,
) {
  const [first] = plan.organisations as [Organisation, ...Organisation[]];
  const before = await commands.committed(first);
  if (before?.version === version) return before;
  const wanted = { version, sequence: (before?.sequence ?? 0) + 1 };
  // The ordering service may still be choosing its leader.
  await all(plan.organisations, (org) =>
    untilItWorks(() => commands.approve(org, wanted, packageIds.get(org.name) ?? ""), signal),
  );
  await untilItWorks(async () => {
    if ((await commands.committed(first))?.sequence !== wanted.sequence) await commands.commit(first, wanted);
  }, signal);
  return wanted;
}

/** Again and again until it does not throw; then the last reason is said. */
async function untilItWorks(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
  const until = performance.now() + READY_MS;
  for (;;) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (performance.now() > until) {
        const message = `no success within ${READY_MS} ms: ${(error as Error).message}`;
        throw new FabricNetworkError("ERR_FABRIC_NOT_READY", message, { cause: error });
      }
    }
    await sleep(100);
  }
}

const answers = (ask: () => Promise<unknown>) => () =>
  ask().then(
    () => true,
    () => false,
  );

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: HOST });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
