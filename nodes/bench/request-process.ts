/** Runs some nodes of a measured network, and says what they cost. Started by request-network.ts, over IPC. */
import { readComputation, readRequest } from "../../chaincode/rules/keys.ts";
import type { LedgerEntry } from "../../ledger/port.ts";
import type { ApiAddress } from "../cli/api-client.ts";
import { type RunningNode, startNode } from "../runtime/node.ts";

/** Of all nodes of one process since it began. */
export interface Usage {
  /** User and system, all threads. */
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** After a full collection, where the process has `--expose-gc`. */
  readonly heapBytes: number;
  /** Peer calls sent, and their bytes with those of the answers. */
  readonly calls: number;
  readonly bytes: number;
}

/** Milliseconds since 1970 by the ledger. */
export interface Step {
  readonly type: string;
  readonly at: number;
}

export interface Commands {
  start(dir: string): Promise<{ readonly member: string; readonly address: ApiAddress }>;
  usage(): Promise<Usage>;
  /** The last record of each type about a request. */
  steps(request: string): Promise<readonly Step[]>;
}

export interface Asked {
  readonly id: number;
  readonly command: keyof Commands;
  readonly argument?: string;
}
export type Answered = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string });

const nodes: RunningNode[] = [];
let calls = 0;
let bytes = 0;

const commands: Commands = {
  async start(dir) {
    const node = await startNode({
      dir,
      logLevel: "silent",
      observe({ direction, body }) {
        if (direction === "sent") calls += 1;
        bytes += body.length;
      },
    });
    nodes.push(node);
    return { member: node.services.member, address: { base: node.address.api, token: node.token } };
  },
  async usage() {
    globalThis.gc?.();
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    return { cpuMs: (user + system) / 1000, rssBytes: rss, heapBytes: heapUsed, calls, bytes };
  },
  async steps(request) {
    const { ledger } = nodes[0]!.services;
    const submitted = await readRequest(ledger, request);
    if (submitted === undefined) throw new RangeError(`${request}: not on the ledger`);
    const last = new Map<string, number>();
    for await (const entry of ledger.entries(submitted.position)) {
      if ((await requestOf(entry)) === request) last.set(entry.transaction.statement.type, Date.parse(entry.time));
    }
    return [...last].map(([type, at]) => ({ type, at }));

    async function requestOf({ transaction }: LedgerEntry): Promise<string | undefined> {
      const about = transaction.statement.body as { request?: string; computation?: string };
      if (about.request !== undefined || about.computation === undefined) return about.request;
      return (await readComputation(ledger, about.computation))?.request;
    }
  },
};

async function answer({ id, command, argument }: Asked): Promise<void> {
  try {
    const value = await (commands[command] as (argument?: string) => Promise<unknown>)(argument);
    process.send?.({ id, value } satisfies Answered);
  } catch (error) {
    process.send?.({ id, error: (error as Error).stack ?? String(error) } satisfies Answered);
  }
}

process.on("message", (asked: Asked) => void answer(asked));
process.on("SIGINT", () => undefined);
process.once("disconnect", () => {
  // The sequencer's node was started first; the others still reach it while they finish.
  void Promise.all(nodes.slice(1).map((node) => node.stop()))
    .then(() => nodes[0]?.stop())
    .finally(() => process.exit(0));
});
