/** The demonstration's network with every node in its own operating-system process. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { siblingPath } from "../boot/sibling.ts";
import type { ApiAddress } from "../cli/api-client.ts";
import { systemEffects } from "../runtime/effects.ts";
import { initNode } from "../runtime/init-node.ts";
import { foundNetwork } from "../runtime/network/found.ts";
import { joinNetwork } from "../runtime/network/join.ts";
import { localConfig } from "../testnet/local-member.ts";
import { clientOf, configOf, type DemoNetwork, type DemoNetworkOptions, membersOf } from "./network.ts";
import type { FromNode, ToNode } from "./node-process.ts";
import type { Traffic } from "./wire-tap.ts";

type Options = Omit<DemoNetworkOptions, "tap">;

export async function inProcesses({ scenario, suite, surroundings, onStep, fabric }: Options): Promise<DemoNetwork> {
  const dir = await mkdtemp(join(tmpdir(), "sealane-demo-"));
  const children = new Map<string, ChildProcess>();
  const addresses = new Map<string, ApiAddress>();
  const folder = (member: string) => join(dir, member);
  // What the first one compiled serves all others.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(dir, "compiled") };

  async function spawn(member: string): Promise<void> {
    const child = fork(siblingPath(import.meta.url, "./node-process"), [folder(member), scenario.name], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env,
    });
    children.set(member, child);
    addresses.set(member, (await answer(child, "ready")).address);
  }
  async function close(): Promise<void> {
    // The operator last: the others still reach the sequencer while they finish.
    const order = [...children].sort(
      ([a], [b]) => Number(a === scenario.operator.id) - Number(b === scenario.operator.id),
    );
    await Promise.all(order.slice(0, -1).map(([, child]) => ended(child)));
    await Promise.all(order.slice(-1).map(([, child]) => ended(child)));
    await rm(dir, { recursive: true, force: true });
  }

  try {
    for (const member of membersOf(scenario)) {
      const config = { ...(await localConfig(member)), ...configOf(member.id, scenario, fabric) };
      await initNode({ dir: folder(member.id), config, suite, effects: systemEffects });
    }
    const { id: operator } = scenario.operator;
    const { title, industry, attributes, name } = scenario;
    const founding = { network: `demo-${name}`, title, industry, attributes };
    await foundNetwork({ dir: folder(operator), ...founding, effects: systemEffects });
    await spawn(operator);
    onStep(operator);
    const api = clientOf(addresses, operator, surroundings);
    for (const { id } of membersOf(scenario).slice(1)) {
      const invitation = await api.post<unknown>("/invitations", { expiresInHours: 1, note: id });
      let admission: Promise<unknown> | undefined;
      await joinNetwork({
        dir: folder(id),
        invitation,
        effects: systemEffects,
        waitMs: 60_000,
        pollMs: 50,
        onState: (state) => {
          if (state === "waiting") admission ??= api.post(`/members/${id}/admit`);
        },
        signal: surroundings.signal,
      });
      await admission;
      await spawn(id);
      onStep(id);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    addresses,
    api: (member) => clientOf(addresses, member, surroundings),
    asPerson: (member, person) => clientOf(addresses, member, surroundings, person),
    dir,
    traffic: async () => sum(await Promise.all([...children.values()].map(trafficOf))),
    close,
  };
}

async function answer<K extends FromNode["kind"]>(
  child: ChildProcess,
  kind: K,
): Promise<Extract<FromNode, { kind: K }>> {
  const stopped = new AbortController();
  const exit = once(child, "exit", { signal: stopped.signal }).then(([code]) => {
    throw new Error(`demo: a node process ended with code ${code}`);
  });
  exit.catch(() => undefined);
  try {
    for (;;) {
      const [message] = (await Promise.race([once(child, "message", { signal: stopped.signal }), exit])) as [FromNode];
      if (message.kind === kind) return message as Extract<FromNode, { kind: K }>;
    }
  } finally {
    stopped.abort();
  }
}

async function trafficOf(child: ChildProcess): Promise<Traffic> {
  const coming = answer(child, "traffic");
  child.send({ kind: "traffic" } satisfies ToNode);
  return (await coming).traffic;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  await exit;
}

const sum = (all: readonly Traffic[]): Traffic => ({
  messages: all.reduce((total, { messages }) => total + messages, 0),
  bytes: all.reduce((total, { bytes }) => total + bytes, 0),
  leaks: all.reduce((total, { leaks }) => total + leaks, 0),
  examples: all.flatMap(({ examples }) => examples).slice(0, 5),
});
