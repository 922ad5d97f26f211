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
  /** The most it ever was. */
  readonly peakBytes: number;
  /** After a full collection, where the process has `--expose-gc`. */
  readonly heapBytes: number;
  /** Peer calls sent, and their bytes with those of the answers, by method and path without ids. */
  readonly traffic: Readonly<Record<string, Traffic>>;
}

export interface Traffic {
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
  /** Group commits of the ledger since it began. */
  commits(): Promise<number>;
}

export interface Asked {
  readonly id: number;
  readonly command: keyof Commands;
  readonly argument?: string;
}
export type Answered = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string });

const nodes: RunningNode[] = [];
const traffic: Record<string, Traffic> = {};
const IDS = /[0-9a-f]{8}-[0-9a-f-]{27}|(?<=\/)[0-9]+(?=$|\?)/g;

function count(path: string, calls: number, bytes: number): void {
  const before = traffic[path] ?? { calls: 0, bytes: 0 };
  traffic[path] = { calls: before.calls + calls, bytes: before.bytes + bytes };
}

const commands: Commands = {
  async start(dir) {
    const node = await startNode({
      dir,
      logLevel: "silent",
      observe({ direction, method, path, body }) {
        const name = `${method} ${path.replace(IDS, ":id").split("?")[0]}`;
        count(name, direction === "sent" ? 1 : 0, body.length);
      },
    });
    nodes.push(node);
    return { member: node.services.member, address: { base: node.address.api, token: node.token } };
  },
  async usage() {
    globalThis.gc?.();
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    const peakBytes = process.resourceUsage().maxRSS * 1024;
    return { cpuMs: (user + system) / 1000, rssBytes: rss, peakBytes, heapBytes: heapUsed, traffic };
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
  async commits() {
    // One time for all records of a group commit.
    const times = new Set<string>();
    for await (const { time } of nodes[0]!.services.ledger.entries(0)) times.add(time);
    return times.size;
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
