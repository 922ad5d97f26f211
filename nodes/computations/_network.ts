/** Test fixture: a real network with five providers, requester, receiver and coordinator, over HTTPS and real stores. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SuiteId } from "../../crypto/suites/suite.ts";
import { type PolicyDraft, policyOf } from "../../policies/model/policy-of.ts";
import type { Query } from "../../policies/model/query.ts";
import type { ObservedMessage } from "../peer/client.ts";
import type { TestnetMember } from "../testnet/local-member.ts";
import { createTestClock, type TestClock } from "../testnet/test-clock.ts";
import { createTestnet, type Testnet, type TestnetOptions } from "../testnet/testnet.ts";

/** Nobody has to hurry: a run that is complete waits for no deadline, and for one that is not the clock is moved. */
const STEP_MS = 60_000;
const RELEASE_MS = 240_000;
/** Longest wait for anything that comes by itself, on a starved machine too. */
export const PATIENCE_MS = 240_000;
/** Between two tries where a node says "later". */
const AGAIN_MS = 500;

export const PROVIDERS = ["alpha", "beta", "delta", "gamma", "omega"] as const;
export const SECTOR: Readonly<Record<string, string>> = {
  alpha: "17",
  beta: "17",
  delta: "17",
  gamma: "17",
  omega: "17",
};

/** Rows of a provider: year, output (always present), tax (not always). */
export const ROWS: Readonly<Record<string, readonly (readonly [year: string, output: string, tax: string])[]>> = {
  alpha: [
    ["2024", "3176.5", "17.2"],
    ["2025", "3918.2", "31.4"],
  ],
  beta: [
    ["2024", "4106.4", "22.9"],
    ["2025", "2577.1", "18.3"],
  ],
  delta: [
    ["2024", "3308.9", "41.7"],
    ["2025", "4612.7", "26.6"],
  ],
  gamma: [
    ["2024", "4512.3", "35.5"],
    ["2025", "4612.4", "12.8"],
  ],
  omega: [
    ["2024", "4999.1", "52.6"],
    ["2025", "5101.6", ""],
  ],
};

export interface Options {
  /** Default: PROVIDERS; others need `members` and `rows` of their own. */
  readonly providers?: readonly string[];
  readonly policy?: (member: string) => Partial<PolicyDraft>;
  readonly alwaysPresent?: boolean;
  /** Of the network; default `intl`. */
  readonly suite?: SuiteId;
  readonly stepMs?: number;
  readonly releaseMs?: number;
  readonly opensByItself?: boolean;
  readonly rows?: typeof ROWS;
  /** Level that each year, or level, is within. */
  readonly within?: Readonly<Record<string, string>>;
  readonly observe?: (member: string, message: ObservedMessage) => void;
  readonly members?: readonly TestnetMember[];
  /** Code tables of registry attributes besides `sector`. */
  readonly attributes?: Readonly<Record<string, readonly string[]>>;
  readonly fronts?: TestnetOptions["fronts"];
  readonly limits?: Readonly<Record<string, number>>;
  readonly onStep?: NonNullable<TestnetOptions["onStep"]>;
  readonly logLevel?: string;
  /** Further sections of sealane.json for every node. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface Network extends AsyncDisposable {
  readonly net: Testnet;
  /** Of all nodes. */
  readonly clock: TestClock;
  call<T = Record<string, unknown>>(
    member: string,
    method: "GET" | "POST" | "PUT",
    path: string,
    body?: unknown,
  ): Promise<T>;
  submit(draft?: object): Promise<string>;
  /** Waits until the requester sees one of these states; throws with the present view when it cannot come any more. */
  state(request: string, states: readonly string[], patienceMs?: number): Promise<RequestState>;
}

export interface RequestState {
  readonly state: string;
  readonly computation?: string;
  readonly reasons?: readonly string[];
  readonly failures: readonly { computation: string; reason: string }[];
  readonly assets: readonly {
    asset: string;
    outcome: string;
    reasons: readonly string[];
    agreement?: string;
    decidedBy?: string;
  }[];
}

export const SUM_BY_YEAR: Query = {
  measures: [{ id: "output", statistic: { kind: "sum", element: "output-value" } }],
  groupBy: [{ element: "year" }],
  filters: [],
};
export const TOTAL: Query = {
  measures: [{ id: "output", statistic: { kind: "sum", element: "output-value" } }],
  groupBy: [],
  filters: [],
};

export async function createNetwork(options: Options = {}): Promise<Network> {
  const data = await mkdtemp(join(tmpdir(), "sealane-exchange-"));
  const clock = createTestClock();
  const providers: TestnetMember[] = PROVIDERS.map((id) => ({
    id,
    kind: "enterprise",
    attributes: { sector: SECTOR[id]! },
  }));
  const net = await createTestnet({
    members: options.members ?? [
      { id: "operator", kind: "industry" },
      { id: "ministry", kind: "government" },
      { id: "bureau", kind: "government" },
      ...providers,
    ],
    attributes: { sector: ["17", "28"], ...options.attributes },
    effects: clock,
    ...(options.suite === undefined ? {} : { suite: options.suite }),
    config: {
      ...options.config,
      computations: {
        stepMs: options.stepMs ?? STEP_MS,
        releaseMs: options.releaseMs ?? RELEASE_MS,
        opensByItself: options.opensByItself ?? true,
      },
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    },
    ...(options.fronts === undefined ? {} : { fronts: options.fronts }),
    ...(options.observe === undefined ? {} : { observe: options.observe }),
    ...(options.onStep === undefined ? {} : { onStep: options.onStep }),
    ...(options.logLevel === undefined ? {} : { logLevel: options.logLevel }),
  });

  const known = new Map(net.nodes);
  async function call<T>(member: string, method: "GET" | "POST" | "PUT", path: string, body?: unknown): Promise<T> {
    const until = Date.now() + PATIENCE_MS;
    for (;;) {
      // A node that a test has made a process of its own keeps its address and token.
      const { address, token } = net.nodes.get(member) ?? known.get(member)!;
      const answer = await fetch(`${address.api}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const value = (await answer.json()) as T;
      if (answer.ok) return value;
      if (answer.status === 503 && Date.now() < until) await sleep(AGAIN_MS);
      else throw problemOf(`${method} ${path}: ${answer.status}`, value);
    }
  }
  const problemOf = (what: string, value: unknown) =>
    Object.assign(new Error(`${what} ${JSON.stringify(value)}`), { problem: value });

  for (const member of options.providers ?? PROVIDERS) {
    const path = join(data, `${member}.csv`);
    const rows = (options.rows ?? ROWS)[member] ?? [];
    await writeFile(path, `year,output,tax\n${rows.map((row) => row.join(",")).join("\n")}\n`);
    await call(member, "POST", "/api/v1/assets", {
      asset: assetOf(
        member,
        options.alwaysPresent ?? true,
        [...new Set(rows.map(([year]) => year))].sort(),
        options.within,
      ),
      source: { kind: "csv", path },
      policy: policyOf({ ...defaultPolicy(member), ...options.policy?.(member) }),
    });
  }

  async function state(request: string, states: readonly string[], patienceMs = PATIENCE_MS): Promise<RequestState> {
    const until = Date.now() + patienceMs;
    for (;;) {
      const view = await call<RequestState>("ministry", "GET", `/api/v1/requests/${request}`);
      if (states.includes(view.state)) return view;
      // A failed one may be opened again by itself.
      if (Date.now() > until || ["released", "withheld", "cancelled"].includes(view.state))
        throw new Error(`wanted ${states.join(" or ")}, got ${JSON.stringify(view, null, 1)}`);
      await sleep(50);
    }
  }

  return {
    net,
    clock,
    call,
    state,
    async submit(draft = {}) {
      return (await call<{ id: string }>("ministry", "POST", "/api/v1/requests", { ...draftOf(), ...draft })).id;
    },
    async [Symbol.asyncDispose]() {
      await net.close();
      await rm(data, { recursive: true, force: true });
    },
  };
}

export const draftOf = () => ({
  title: { en: "Output" },
  purpose: { code: "industry-statistics", text: "statistics of the industry" },
  legalBasis: { code: "statistics-law", text: "Statistics Law, duty to survey" },
  scenario: "government-service",
  query: TOTAL,
  assets: PROVIDERS.map((member) => `${member}:panel`),
  recipients: [],
  territory: "CN",
  validity: { from: "2026-01-01", to: "2099-12-31" },
  retentionDays: 30,
  receiverMode: "reviewed",
  receiver: "bureau",
  coordinator: "operator",
});

export const defaultPolicy = (member: string): PolicyDraft => ({
  id: `${member}:panel:policy`,
  version: 1,
  asset: `${member}:panel`,
  provider: member,
  purposes: ["industry-statistics"],
  requesterKinds: ["government"],
  validUntil: "2099-12-31T00:00:00Z",
  receiverModes: ["reviewed", "direct"],
  releaseAuthorities: ["bureau"],
  approval: "none",
  counts: "open",
  minimumOrganisations: 3,
  minimumUnits: 0,
  colluders: 0,
  coordinatorMayBeSequencer: true,
  countUnits: true,
  aggregate: { "output-value": ["sum", "mean"], "tax-paid": ["sum"] },
  groupBy: { elements: ["year"], attributes: ["sector"] },
  filter: { year: { predicates: ["eq"] } },
});

const assetOf = (
  member: string,
  alwaysPresent: boolean,
  years: readonly string[],
  within: NonNullable<Options["within"]> = {},
) => ({
  id: `${member}:panel`,
  title: { en: `Panel of ${member}` },
  keywords: [],
  fields: [
    { name: "year", element: "year", type: "code", codeTable: "years" },
    {
      name: "output",
      element: "output-value",
      type: "decimal",
      scale: 1,
      unit: "CNY",
      bounds: { minimum: "0", maximum: "1000000" },
      ...(alwaysPresent ? { alwaysPresent: true } : {}),
    },
    {
      name: "tax",
      element: "tax-paid",
      type: "decimal",
      scale: 1,
      unit: "CNY",
      bounds: { minimum: "0", maximum: "10000" },
    },
  ],
  codeTables: {
    years: [...new Set([...years, ...Object.values(within)])].map((code) => ({
      code,
      ...(within[code] === undefined ? {} : { within: within[code] }),
    })),
  },
  unit: { kind: "provider" },
  unitDomain: `${member}-units`,
  grade: { legal: "general", level: "L1" },
});
