/** A real network for measurements: its nodes divided over some processes, driven through `api/v1`. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { siblingPath } from "../boot/sibling.ts";
import type { ApiAddress, ApiClient } from "../cli/api-client.ts";
import type { Surroundings } from "../cli/surroundings.ts";
import type { DemoFabric } from "../demo/fabric-network.ts";
import { clientOf, membersOf } from "../demo/network.ts";
import { policyFor } from "../demo/policy.ts";
import type { Scenario } from "../demo/scenario.ts";
import { systemEffects } from "../runtime/effects.ts";
import { initNode } from "../runtime/init-node.ts";
import { foundNetwork } from "../runtime/network/found.ts";
import { joinNetwork } from "../runtime/network/join.ts";
import { localMember } from "../testnet/local-member.ts";
import type { Answered, Asked, Commands, Step, Usage } from "./request-process.ts";

export interface MeasuredNetwork extends AsyncDisposable {
  /** Throws RangeError for an unknown member. */
  api(member: string): ApiClient;
  /** Of all processes together. */
  usage(): Promise<Usage>;
  /** Of the process that the member's node runs in. */
  usageOf(member: string): Promise<Usage>;
  steps(request: string): Promise<readonly Step[]>;
  /** Group commits, or calls of the chaincode, since the beginning. */
  commits(): Promise<number>;
}

const SURROUNDINGS: Surroundings = {
  env: {},
  cwd: ".",
  fetch,
  interactive: false,
  signal: new AbortController().signal,
  onReload: () => () => undefined,
  write: () => undefined,
  now: () => Date.now(),
};
/** For all nodes on one address, and for measured requests without a pause between them. */
const LIMITS = {
  minimumFreeDiskMiB: 1,
  apiRequestsPerMinute: 1_000_000,
  peerRequestsPerMinutePerMember: 1_000_000,
  peerRequestsPerMinutePerAddress: 10_000_000,
};
const JOIN_MS = 300_000;

export interface MeasuredNetworkOptions {
  /** Default: the demonstration's. */
  readonly policy?: typeof policyFor;
  /** The ledger is there and not the embedded one. Whoever made it closes it. */
  readonly fabric?: DemoFabric;
}

/** Founded, joined and with every asset registered, in at most a process for each node. The operator's process is the first one. */
export async function measuredNetwork(
  scenario: Scenario,
  processes: number,
  note: (text: string) => void,
  { policy = policyFor, fabric }: MeasuredNetworkOptions = {},
): Promise<MeasuredNetwork> {
  const dir = await mkdtemp(join(tmpdir(), "sealane-bench-"));
  const members = membersOf(scenario);
  const hosts = Array.from({ length: Math.min(processes, members.length) }, createHost);
  const addresses = new Map<string, ApiAddress>();
  const folder = (member: string) => join(dir, member);
  const api = (member: string) => clientOf(addresses, member, SURROUNDINGS);

  const hostOf = (member: string) => hosts[members.findIndex(({ id }) => id === member) % hosts.length]!;

  async function start(member: string): Promise<void> {
    addresses.set(member, (await hostOf(member).ask("start", folder(member))).address);
  }

  async function close(): Promise<void> {
    await Promise.all(hosts.slice(1).map((host) => host.close()));
    await hosts[0]!.close();
    await rm(dir, { recursive: true, force: true });
  }

  async function join1(member: string, operator: string): Promise<void> {
    const invitation = await api(operator).post<unknown>("/invitations", { expiresInHours: 1, note: member });
    let admission: Promise<unknown> | undefined;
    await joinNetwork({
      dir: folder(member),
      invitation,
      effects: systemEffects,
      waitMs: JOIN_MS,
      pollMs: 20,
      onState: (state) => {
        if (state === "waiting") admission ??= api(operator).post(`/members/${member}/admit`);
      },
    });
    await admission;
    await start(member);
  }

  try {
    for (const member of members) {
      const { config } = await localMember(member, false);
      // Only endpoints must be known before anyone listens: of hundreds of ports, some are taken by then.
      const api = { host: "127.0.0.1", port: 0 };
      const local = { ...config, api, limits: LIMITS, ...fabric?.ledgerOf(member.id) };
      await initNode({ dir: folder(member.id), config: local, effects: systemEffects });
    }
    const { title, industry, attributes, operator } = scenario;
    const founding = { network: "bench", title, industry, attributes };
    await foundNetwork({ dir: folder(operator.id), ...founding, effects: systemEffects });
    await start(operator.id);
    for (const { id } of members.slice(1)) await join1(id, operator.id);
    note(`${members.length} nodes in ${hosts.length} processes have joined`);
    for (const provider of scenario.providers) {
      await api(provider.id).post("/assets", {
        ...provider.registration,
        policy: policy(scenario, provider, new Date()),
      });
    }
    note(`${scenario.providers.length} assets are registered`);
  } catch (error) {
    await close();
    throw error;
  }
  return Object.freeze({
    api,
    usage: async () => (await Promise.all(hosts.map((host) => host.ask("usage")))).reduce(together),
    usageOf: (member: string) => hostOf(member).ask("usage"),
    steps: (request: string) => hosts[0]!.ask("steps", request),
    commits: () => hosts[0]!.ask("commits"),
    [Symbol.asyncDispose]: close,
  });
}

type Value<C extends keyof Commands> = Awaited<ReturnType<Commands[C]>>;

function createHost() {
  const child: ChildProcess = fork(siblingPath(import.meta.url, "./request-process"), [], {
    execArgv: [...process.execArgv, "--expose-gc"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let asked = 0;
  child.on("message", (message: Answered) => {
    const waiter = waiting.get(message.id);
    waiting.delete(message.id);
    if ("error" in message) waiter?.reject(new Error(message.error));
    else waiter?.resolve(message.value as never);
  });
  child.once("exit", (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`bench: a process of nodes ended with code ${code}`));
  });
  return Object.freeze({
    ask<C extends keyof Commands>(command: C, argument?: string): Promise<Value<C>> {
      const id = ++asked;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        child.send({ id, command, ...(argument === undefined ? {} : { argument }) } satisfies Asked);
      });
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, "exit");
      if (child.connected) child.disconnect();
      await exit;
    },
  });
}

const together = (one: Usage, other: Usage): Usage => ({
  cpuMs: one.cpuMs + other.cpuMs,
  rssBytes: one.rssBytes + other.rssBytes,
  peakBytes: one.peakBytes + other.peakBytes,
  heapBytes: one.heapBytes + other.heapBytes,
  traffic: Object.fromEntries(
    [...new Set([...Object.keys(one.traffic), ...Object.keys(other.traffic)])].map((path) => [
      path,
      {
        calls: (one.traffic[path]?.calls ?? 0) + (other.traffic[path]?.calls ?? 0),
        bytes: (one.traffic[path]?.bytes ?? 0) + (other.traffic[path]?.bytes ?? 0),
      },
    ]),
  ),
});
