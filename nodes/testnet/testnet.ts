/**
 * A whole network in one process: real folders, stores, keys and HTTPS on 127.0.0.1, founded and joined through the
 * same functions as a real network. For tests and the demo.
 *
 *   await using net = await createTestnet({ members: [operator, ministry, alpha, beta, gamma] });
 *   net.node("alpha").services.ledger
 */
import type { NodeConfig } from "../config/node-config.ts";
import type { ObservedMessage } from "../peer/client.ts";
import type { RunningNode } from "../runtime/node.ts";

export interface TestnetMember {
  readonly id: string;
  readonly kind: NodeConfig["member"]["kind"];
  readonly title?: NodeConfig["member"]["title"];
  /** Default: the id. */
  readonly organisation?: string;
  /** Default: the id. */
  readonly holdingGroup?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  /** Default true. */
  readonly cosigner?: boolean;
  /** Has a peer interface with an endpoint. Default: false for enterprises, true for the others. */
  readonly reachable?: boolean;
}

export interface TestnetOptions {
  /** The first one of kind `industry` founds the network and is operator and sequencer. */
  readonly members: readonly TestnetMember[];
  /** Default "testnet". */
  readonly network?: string;
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

export async function createTestnet(_options: TestnetOptions): Promise<Testnet> {
  throw new TypeError("not built yet");
}
