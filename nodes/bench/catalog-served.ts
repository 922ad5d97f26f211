/**
 * Catalogue requests by the Dataspace Protocol over HTTPS: one process serves, another one reads with several clients
 * of four members, whose every call carries its own signed token. Three kinds of requests, measured together: by a
 * keyword that ten datasets have; by an element and a grade (up to 100 of 200 datasets); a page of 100 of everything, ten
 * in a row from anywhere. What is asked differs from call to call: no answer is asked for often.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { siblingPath } from "../boot/sibling.ts";
import { type Metric, percentile } from "./bench.ts";

export type RequestKind = "ten" | "element" | "page";
/** What the clients are to do: so many requests each, of these kinds in turn. */
export interface Asked {
  readonly kinds: readonly RequestKind[];
  /** That wait for an answer each before they ask again. */
  readonly clients: number;
  /** Of each. */
  readonly requests: number;
}
export interface Answered {
  readonly answers: readonly { readonly samples: Readonly<Record<string, readonly number[]>> }[];
  readonly seconds: number;
  /** Of the process with the clients. */
  readonly cpuMs: number;
}
interface Memory {
  readonly rssBytes: number;
  readonly peakBytes: number;
  /** In the heap and beside it, after a collection. */
  readonly heldBytes: number;
}
export interface Collected {
  readonly ready?: { readonly port: number; readonly pin: string; readonly buildMs: number };
  readonly processorMs?: number;
  readonly memory?: Memory;
}

const NAMES: Readonly<Record<RequestKind, string>> = {
  ten: "10 datasets by a keyword",
  element: "up to 100 datasets by element and grade",
  page: "a page of 100",
};
const MIXED: readonly RequestKind[] = ["ten", "element", "ten", "page"];
/** As many as the published figure was taken with are measured longest. */
const CONCURRENCIES = [1, 4, 8, 16, 32];
const PUBLISHED =
  "to beat, as published: EDC 0.18 federated catalog, 22 cores, 10 datasets, 20 clients: about 800 requests/s, p99 49 ms, 1.2 GB";

export async function servedCatalog(options: {
  readonly folder: string;
  readonly assets: number;
  readonly clients: number;
  readonly requests: number;
  readonly note: (text: string) => void;
}): Promise<readonly Metric[]> {
  const { folder, assets, clients, requests, note } = options;
  // The first start makes the lists and texts; what that leaves in memory is another measurement.
  const first = start("./catalog-provider-process", [folder]);
  const { buildMs } = (await next<Collected>(first)).ready!;
  const { peakBytes: buildBytes } = (await told(first, "memory")).memory!;
  await ended(first);
  const server = start("./catalog-provider-process", [folder]);
  try {
    const { port, pin } = (await next<Collected>(server)).ready!;
    const readers = start("./catalog-clients-process", [port, pin, assets].map(String));
    try {
      const run = async (kinds: readonly RequestKind[], many: number, count: number) => {
        const before = await told(server, "processor");
        readers.send({ kinds, clients: many, requests: Math.ceil(count / many) } satisfies Asked);
        const answered = await next<Answered | { readonly error: string }>(readers);
        if ("error" in answered) throw new Error(answered.error);
        const after = await told(server, "processor");
        const samples = (kind?: RequestKind) =>
          answered.answers.flatMap((one) =>
            kind === undefined ? Object.values(one.samples).flat() : (one.samples[kind] ?? []),
          );
        const all = samples().length;
        return {
          ...{ samples, perSecond: all / answered.seconds },
          ...{ serverMs: (after.processorMs! - before.processorMs!) / all, clientMs: answered.cpuMs / all },
        };
      };
      await run(MIXED, clients, Math.min(requests, 20 * clients));
      const curve: Metric[] = [];
      for (const [name, kinds] of [
        ["mixed", MIXED],
        ["ten", ["ten"]],
      ] as const) {
        for (const many of CONCURRENCIES.filter((one) => one < requests)) {
          const { samples, perSecond } = await run(kinds, many, requests / 4);
          const [p50, p99] = [0.5, 0.99].map((share) => percentile(samples(), share).toFixed(1));
          curve.push({ metric: `${name}, ${many} at once`, value: perSecond, unit: `/s; p50 ${p50}, p99 ${p99} ms` });
        }
      }
      const mixed = await run(MIXED, clients, requests);
      const ten = await run(["ten"], clients, requests);
      const memory = (await told(server, "memory")).memory!;
      note(PUBLISHED);
      return [
        { metric: "requestsPerSecond", value: mixed.perSecond, unit: "/s" },
        { metric: "requestP50Ms", value: percentile(mixed.samples(), 0.5), unit: "ms" },
        { metric: "requestP99Ms", value: percentile(mixed.samples(), 0.99), unit: "ms", target: { atMost: 50 } },
        ...(["ten", "element", "page"] as const).map((kind) => ({
          metric: `p99 ${NAMES[kind]}`,
          value: percentile(mixed.samples(kind), 0.99),
          unit: "ms",
        })),
        { metric: "tenDatasetsPerSecond", value: ten.perSecond, unit: "/s, nothing else asked" },
        { metric: "tenDatasetsP99Ms", value: percentile(ten.samples(), 0.99), unit: "ms", target: { atMost: 50 } },
        ...curve,
        { metric: "providerCpuMs", value: mixed.serverMs, unit: "ms per request" },
        { metric: "clientsCpuMs", value: mixed.clientMs, unit: "ms per request" },
        { metric: "tenDatasetsCpuMs", value: ten.serverMs, unit: "ms per request" },
        { metric: "providerHeldMiB", value: memory.heldBytes / 2 ** 20, unit: "MiB after a collection" },
        { metric: "providerRssMiB", value: memory.rssBytes / 2 ** 20, unit: "MiB, with the index of the search" },
        { metric: "providerPeakMiB", value: memory.peakBytes / 2 ** 20, unit: "MiB" },
        { metric: "offersBuildMs", value: buildMs, unit: "ms, once" },
        { metric: "offersBuildPeakMiB", value: buildBytes / 2 ** 20, unit: "MiB, at that start" },
      ];
    } finally {
      readers.kill();
    }
  } finally {
    await ended(server);
  }
}

const start = (module: string, args: readonly string[]): ChildProcess =>
  fork(siblingPath(import.meta.url, module), [...args], {
    execArgv: [...process.execArgv, "--expose-gc"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });

async function next<T>(child: ChildProcess): Promise<T> {
  const told = new AbortController();
  const { signal } = told;
  const ended = once(child, "exit", { signal }).then(([code]) => {
    throw new Error(`bench: a process of the catalogue ended with code ${String(code)}`);
  });
  ended.catch(() => undefined);
  try {
    const [message] = (await Promise.race([once(child, "message", { signal }), ended])) as [T];
    return message;
  } finally {
    told.abort();
  }
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, "exit");
  if (child.connected) child.send("close");
  await exit;
}

async function told(child: ChildProcess, what: "processor" | "memory"): Promise<Collected> {
  child.send(what);
  return await next<Collected>(child);
}
