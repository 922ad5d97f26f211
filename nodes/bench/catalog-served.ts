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
  readonly requests: number;
}
export interface Answered {
  readonly samples: Readonly<Record<string, readonly number[]>>;
  readonly bytes: number;
}
interface Usage {
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly peakBytes: number;
  /** In the heap and beside it, after a collection. */
  readonly heldBytes: number;
}
export interface Collected {
  readonly ready?: { readonly port: number; readonly pin: string; readonly buildMs: number };
  readonly usage?: Usage;
}

const NAMES: Readonly<Record<RequestKind, string>> = {
  ten: "10 datasets by a keyword",
  element: "up to 100 datasets by element and grade",
  page: "a page of 100",
};
const MIXED: readonly RequestKind[] = ["ten", "element", "ten", "page"];
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
  const server = start("./catalog-provider-process", [folder]);
  try {
    const { port, pin, buildMs } = (await next<Collected>(server)).ready!;
    const readers = start("./catalog-clients-process", [port, pin, assets, clients].map(String));
    try {
      const run = async (kinds: readonly RequestKind[], count: number) => {
        const before = await usageOf(server);
        const started = performance.now();
        readers.send({ kinds, requests: Math.ceil(count / clients) } satisfies Asked);
        const answers = await next<readonly Answered[] | { readonly error: string }>(readers);
        if ("error" in answers) throw new Error(answers.error);
        const seconds = (performance.now() - started) / 1000;
        const after = await usageOf(server);
        const samples = (kind?: RequestKind) =>
          answers.flatMap((one) =>
            kind === undefined ? Object.values(one.samples).flat() : (one.samples[kind] ?? []),
          );
        const all = samples().length;
        return { samples, perSecond: all / seconds, cpuMs: (after.cpuMs - before.cpuMs) / all, after };
      };
      await run(MIXED, Math.min(requests, 20 * clients));
      const mixed = await run(MIXED, requests);
      const ten = await run(["ten"], requests);
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
        { metric: "providerCpuMs", value: mixed.cpuMs, unit: "ms per request" },
        { metric: "providerHeldMiB", value: ten.after.heldBytes / 2 ** 20, unit: "MiB after a collection" },
        { metric: "providerRssMiB", value: ten.after.rssBytes / 2 ** 20, unit: "MiB, with the index of the search" },
        { metric: "providerPeakMiB", value: ten.after.peakBytes / 2 ** 20, unit: "MiB" },
        { metric: "offersBuildMs", value: buildMs, unit: "ms, once" },
      ];
    } finally {
      readers.kill();
    }
  } finally {
    const exit = once(server, "exit");
    if (server.connected) server.send("close");
    await exit;
  }
}

const start = (module: string, args: readonly string[]): ChildProcess =>
  fork(siblingPath(import.meta.url, module), [...args], {
    execArgv: [...process.execArgv, "--expose-gc"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });

async function next<T>(child: ChildProcess): Promise<T> {
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`bench: a process of the catalogue ended with code ${String(code)}`);
  });
  ended.catch(() => undefined);
  const [message] = (await Promise.race([once(child, "message"), ended])) as [T];
  return message;
}

async function usageOf(child: ChildProcess): Promise<Usage> {
  child.send("usage");
  return (await next<Collected>(child)).usage!;
}
