/**
 * A whole network in one process: real folders, stores, keys and HTTPS on 127.0.0.1, founded and joined through the
 * same functions as a real network. For tests and the demo.
 *
 *   await using net = await createTestnet({ members: [operator, ministry, alpha, beta, gamma] });
 *   net.node("alpha").services.ledger
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SuiteId } from "../../crypto/suites/suite.ts";
import type { ObservedMessage } from "../peer/client.ts";
import { type Effects, systemEffects } from "../runtime/effects.ts";
import { initNode } from "../runtime/init-node.ts";
import { admitMember } from "../runtime/network/application.ts";
import { foundNetwork } from "../runtime/network/found.ts";
import { createInvitation } from "../runtime/network/invitation.ts";
import { joinNetwork } from "../runtime/network/join.ts";
import { type RunningNode, startNode } from "../runtime/node.ts";
import { attributeTables, type LocalPlace, localMember, type TestnetMember } from "./local-member.ts";

/** Longest wait for anything that comes by itself, on a starved machine too. */
const PATIENCE_MS = 240_000;

/** What stands under a member's endpoint in place of its node: it has the folder, so it has the member's keys. */
export type OpenFront = (about: {
  readonly member: string;
  readonly dir: string;
  readonly place: LocalPlace;
}) => Promise<{ close(): Promise<void> }>;

export interface TestnetOptions {
  /** The first one of kind `industry` founds the network and is operator and sequencer. */
  readonly members: readonly TestnetMember[];
  /** Default "testnet". */
  readonly network?: string;
  /** Default `intl`. */
  readonly suite?: SuiteId;
  /** Code tables of registry attributes; default: those that members use. */
  readonly attributes?: Readonly<Record<string, readonly string[]>>;
  /** Parent of the node folders; default: a temporary folder that `close` removes. */
  readonly dir?: string;
  /** Sees every peer message of every node. */
  readonly observe?: (member: string, message: ObservedMessage) => void;
  /** Told after each step, for progress. */
  readonly onStep?: (step: { readonly kind: "founded" | "joined" | "started"; readonly member: string }) => void;
  /** Default "silent". */
  readonly logLevel?: string;
  /** By member; opened before anyone calls it, closed after every node has stopped. */
  readonly fronts?: Readonly<Record<string, OpenFront>>;
  /** Clock and generator of every node; default: the system's. */
  readonly effects?: Effects;
  /** Sections of sealane.json for every node, beside what members say. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Sections of one member's sealane.json beside those. */
  readonly configOf?: (member: string) => Readonly<Record<string, unknown>>;
}

export interface Testnet {
  readonly network: string;
  readonly dir: string;
  readonly operator: RunningNode;
  readonly nodes: ReadonlyMap<string, RunningNode>;
  /** Throws RangeError for an unknown id. */
  node(member: string): RunningNode;
  /** Stops one node; `start` brings it back from its folder. */
  stop(member: string): Promise<void>;
  start(member: string): Promise<RunningNode>;
  /** Resolves when every replica has reached the operator's height. */
  settled(): Promise<void>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Resolves when every node runs and every replica has reached the operator's height. */
export async function createTestnet(options: TestnetOptions): Promise<Testnet> {
  const { network = "testnet", suite = "intl", members, effects = systemEffects } = options;
  const founder = members.find(({ kind }) => kind === "industry");
  if (founder === undefined) throw new RangeError("members: one of kind industry is needed as founder");
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "sealane-testnet-")));
  const nodes = new Map<string, RunningNode>();
  const fronts: Awaited<ReturnType<OpenFront>>[] = [];

  const folder = (member: string) => join(dir, member);
  async function start(member: string): Promise<RunningNode> {
    const node = await startNode({
      dir: folder(member),
      effects,
      logLevel: options.logLevel ?? "silent",
      observe: (message) => options.observe?.(member, message),
    });
    nodes.set(member, node);
    options.onStep?.({ kind: "started", member });
    return node;
  }
  function node(member: string): RunningNode {
    const found = nodes.get(member);
    if (found === undefined) throw new RangeError(`testnet: no running node ${member}`);
    return found;
  }
  async function stop(member: string): Promise<void> {
    const running = node(member);
    nodes.delete(member);
    await running.stop();
  }
  async function close(): Promise<void> {
    // The operator last: the others still reach the sequencer while they finish.
    const order = [...nodes.keys()].sort((a, b) => Number(a === founder!.id) - Number(b === founder!.id));
    await Promise.all(order.slice(0, -1).map(stop));
    await Promise.all(order.slice(-1).map(stop));
    await Promise.all(fronts.map((front) => front.close()));
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  }

  try {
    for (const member of members) {
      const dir = folder(member.id);
      const open = options.fronts?.[member.id];
      const { config, place } = await localMember(member, open !== undefined);
      await initNode({
        dir,
        config: mergedConfig({ ...options.config, ...options.configOf?.(member.id) }, config),
        suite,
        effects,
      });
      if (open !== undefined && place !== undefined) fronts.push(await open({ member: member.id, dir, place }));
    }
    await foundNetwork({
      dir: folder(founder.id),
      network,
      industry: "C",
      title: { en: network },
      attributes: options.attributes ?? attributeTables(members),
      effects,
    });
    options.onStep?.({ kind: "founded", member: founder.id });
    const operator = await start(founder.id);
    for (const member of members) {
      if (member.id === founder.id) continue;
      await admitted({ operator, effects }, folder(member.id), member.id);
      options.onStep?.({ kind: "joined", member: member.id });
      await start(member.id);
    }
    const testnet: Testnet = Object.freeze({
      network,
      dir,
      operator,
      nodes,
      node,
      stop,
      start,
      settled: () => settled(node(founder.id), nodes),
      close,
      [Symbol.asyncDispose]: close,
    });
    await testnet.settled();
    return testnet;
  } catch (error) {
    await close();
    throw error;
  }
}

/** `limits` of both; every other section is one side's. */
function mergedConfig(common: Readonly<Record<string, unknown>>, own: Readonly<Record<string, unknown>>) {
  return { ...common, ...own, limits: { ...(common.limits as object), ...(own.limits as object) } };
}

/** The operator's and the applicant's halves of joining, as two people would do them. */
async function admitted(
  { operator, effects }: { readonly operator: RunningNode; readonly effects: Effects },
  dir: string,
  member: string,
): Promise<void> {
  const invitation = await createInvitation(operator.services, { expiresInHours: 1, note: member });
  let admission: Promise<unknown> | undefined;
  await joinNetwork({
    dir,
    invitation,
    effects,
    waitMs: PATIENCE_MS,
    pollMs: 50,
    onState: (state) => {
      if (state === "waiting") admission ??= admitMember(operator.services, member);
    },
  });
  await admission;
}

async function settled(operator: RunningNode, nodes: ReadonlyMap<string, RunningNode>): Promise<void> {
  const until = Date.now() + PATIENCE_MS;
  const { height } = await operator.services.ledger.status();
  for (const [member, { services }] of nodes) {
    while ((await services.ledger.status()).height < height) {
      if (Date.now() > until) throw new Error(`testnet: ${member} did not reach height ${height} in time`);
      await sleep(10);
    }
  }
}
