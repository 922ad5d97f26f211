/** Test fixture: a ministry with a list of firms, a provider with a table of some of them, and what a plain join finds. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { policyOf } from "../../policies/model/policy-of.ts";
import type { JoinTerms } from "../../policies/model/terms.ts";
import {
  createNetwork,
  defaultPolicy,
  draftOf,
  type Network,
  type Options,
  PATIENCE_MS,
} from "../computations/_network.ts";

export const ASSET = "alpha:firms";
export const ITEMS = 150;
const ROWS = 300;
const SIZES = ["L", "S"] as const;
const REGIONS = ["north", "south"] as const;

export const codeOf = (at: number): string => `91330600MA${String(at).padStart(8, "0")}`;
/** Firms 0 to 149 with the region that only the ministry knows. */
export const LIST = Array.from({ length: ITEMS }, (_, at) => ({ item: codeOf(at), label: REGIONS[at % 2]! }));
/** Firms 60 to 359 with size and output. The last two sizes of the ministry's firms are rare. */
const tableOf = (rows: number) =>
  Array.from({ length: rows }, (_, i) => {
    const at = i + 60;
    return { code: codeOf(at), size: at % 30 === 0 ? SIZES[0] : SIZES[1], output: (1000 + 7 * at) / 10, at };
  });
type Row = ReturnType<typeof tableOf>[number];
export const COMMON = tableOf(ROWS).filter(({ at }) => at < ITEMS);

export const total = (rows: readonly Row[]): string =>
  String(rows.reduce((sum, { output }) => sum + Math.round(output * 10), 0) / 10);

export const COUNT = { measures: [{ id: "firms", statistic: { kind: "count" as const } }], groupBy: [], filters: [] };
export const SUMS = {
  measures: [...COUNT.measures, { id: "output", statistic: { kind: "sum" as const, element: "output-value" } }],
  groupBy: [],
  filters: [],
};

export interface JoinView {
  readonly run: string;
  readonly number: number;
  readonly state: string;
  readonly reason?: string;
  readonly release?: { readonly statement: { readonly minimum: number; readonly told: { readonly kind: string } } };
  readonly result?: {
    readonly keys: number;
    readonly items?: readonly string[];
    readonly groups?: readonly {
      readonly group: Readonly<Record<string, string>>;
      readonly keys: number;
      readonly figures: readonly { readonly measure: string; readonly value: string }[];
    }[];
  };
}

export interface Joined extends AsyncDisposable {
  readonly network: Network;
  /** Agreed on. */
  ask(join: object, draft?: object): Promise<string>;
  begin(request: string, items?: readonly object[]): Promise<JoinView>;
  /** Begins, and waits for the end. */
  run(request: string, items?: readonly object[]): Promise<JoinView>;
  joins(request: string): Promise<readonly JoinView[]>;
  ended(request: string, number: number): Promise<JoinView>;
}

export async function createJoined(joins: Partial<JoinTerms>, options: Options = {}, rows = ROWS): Promise<Joined> {
  const data = await mkdtemp(join(tmpdir(), "sealane-joins-"));
  const network = await createNetwork({
    logLevel: process.env.LOG ?? "silent",
    members: [
      { id: "operator", kind: "industry" },
      { id: "ministry", kind: "government" },
      { id: "bureau", kind: "government" },
      // A provider of joins takes calls.
      ...["alpha", "beta"].map((id) => ({
        id,
        kind: "enterprise" as const,
        attributes: { sector: "17" },
        reachable: true,
      })),
    ],
    providers: [],
    ...options,
  });
  const path = join(data, "firms.csv");
  await writeFile(
    path,
    `code,size,output\n${tableOf(rows)
      .map((row) => `${row.code},${row.size},${row.output}`)
      .join("\n")}\n`,
  );
  await network.call("alpha", "POST", "/api/v1/assets", {
    asset: {
      id: ASSET,
      title: { en: "Firms" },
      keywords: [],
      fields: [
        { name: "code", element: "credit-code", type: "text", identity: true },
        { name: "size", element: "size", type: "code", codeTable: "sizes" },
        {
          name: "output",
          element: "output-value",
          type: "decimal",
          scale: 1,
          unit: "CNY",
          bounds: { minimum: "0", maximum: "1000000" },
        },
      ],
      codeTables: { sizes: SIZES.map((code) => ({ code })) },
      unit: { kind: "field", field: "code" },
      unitDomain: "firms",
      grade: { legal: "general", level: "L1" },
    },
    source: { kind: "csv", path },
    policy: policyOf({
      ...defaultPolicy("alpha"),
      id: "alpha:firms:policy",
      asset: ASSET,
      aggregate: { "output-value": ["sum"] },
      groupBy: { elements: ["size"] },
      filter: {},
      join: ["credit-code"],
      joins,
    }),
  });

  const path_ = (request: string) => `/api/v1/requests/${request}/joins`;
  const all = async (request: string) =>
    (await network.call<{ joins: JoinView[] }>("ministry", "GET", path_(request))).joins;
  async function ended(request: string, number: number): Promise<JoinView> {
    const until = Date.now() + PATIENCE_MS;
    for (;;) {
      const one = (await all(request)).find((view) => view.number === number);
      if (one !== undefined && ["released", "withheld", "failed"].includes(one.state)) return one;
      if (Date.now() > until) throw new Error(`run ${number} of ${request}: ${JSON.stringify(one)}`);
      await sleep(50);
    }
  }
  const begin = (request: string, items: readonly object[] = LIST.map(({ item }) => ({ item }))) =>
    network.call<JoinView>("ministry", "POST", path_(request), { items });
  return {
    network,
    async ask(asked, draft = {}) {
      const request = await network.submit({
        ...draftOf(),
        assets: [ASSET],
        query: COUNT,
        receiverMode: "direct",
        receiver: "ministry",
        join: { element: "credit-code", items: 200, ...asked },
        ...draft,
      });
      await network.state(request, ["agreed"]);
      return request;
    },
    begin,
    run: async (request, items) => await ended(request, (await begin(request, items)).number),
    joins: all,
    ended,
    async [Symbol.asyncDispose]() {
      await network[Symbol.asyncDispose]();
      await rm(data, { recursive: true, force: true });
    },
  };
}
