/** Test fixture: a provider with a table and two consumers, one of which takes no calls; a real network over TLS. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { type PolicyDraft, policyOf } from "../../policies/model/policy-of.ts";
import { defaultPolicy } from "../computations/_network.ts";
import { createTestClock, type TestClock } from "../testnet/test-clock.ts";
import { createTestnet, type Testnet } from "../testnet/testnet.ts";

export const PROVIDER = "alpha";
export const CONSUMER = "operator";
/** A consumer that takes no calls. */
export const BEHIND_NAT = "bureau";
export const ASSET = "alpha:panel";
/** What must never leave: the column is registered and not released. */
export const SECRET = "no-one-may-know";

export type TransferView = { readonly transfer: string; readonly state: string; readonly reason?: string } & Record<
  string,
  unknown
>;

export interface Pair {
  readonly net: Testnet;
  /** Of both nodes. */
  readonly clock: TestClock;
  /** A call of a node's management interface. */
  api(member: string, method: "GET" | "POST", path: string, body?: unknown, headers?: object): Promise<Response>;
  json<T = TransferView>(member: string, method: "GET" | "POST", path: string, body?: unknown): Promise<T>;
  /** Starts a transfer and waits for one of these states on the consumer's side. */
  begin(want?: object, states?: readonly string[]): Promise<TransferView>;
  state(member: string, id: string, states: readonly string[]): Promise<TransferView>;
  /** Registers another asset of the provider with the same policy, but for these terms. */
  offer(slug: string, rows: number, release?: Release, terms?: Partial<PolicyDraft>): Promise<string>;
  close(): Promise<void>;
}

const noteOf = (i: number): string => `note ${i} ${"of what is long ".repeat(24)}`;
export const rowsText = (rows: number): string =>
  `year,output,name,note\n${Array.from({ length: rows }, (_, i) => `${2024 + (i % 2)},${i}.5,${SECRET}-${i},${noteOf(i)}\n`).join("")}`;
/** What leaves of it: long, where the notes do. */
export const releasedText = (rows: number, isLong = false): string =>
  `year,output${isLong ? ",note" : ""}\r\n${Array.from({ length: rows }, (_, i) => `${2024 + (i % 2)},${i}.5${isLong ? `,${noteOf(i)}` : ""}\r\n`).join("")}`;
/** Elements of the long form. */
export const LONG = ["year", "output-value", "note"];

const RELEASE: NonNullable<PolicyDraft["release"]> = {
  elements: ["year", "output-value"],
  formats: ["HttpData-PULL", "HttpData-PUSH"],
  callsPerMinute: 1_000,
};

type Release = Partial<NonNullable<PolicyDraft["release"]>>;

export const policyFor = (slug: string, release: Release, version = 1, terms: Partial<PolicyDraft> = {}) =>
  policyOf({
    ...defaultPolicy(PROVIDER),
    id: `policy-${slug}`,
    version,
    asset: `${PROVIDER}:${slug}`,
    requesterKinds: ["government", "industry"],
    release: { ...RELEASE, ...release },
    ...terms,
  });

export async function createPair(rows = 20, config: Readonly<Record<string, unknown>> = {}): Promise<Pair> {
  const data = await mkdtemp(join(tmpdir(), "sealane-transfers-"));
  const clock = createTestClock();
  const net = await createTestnet({
    effects: clock,
    config,
    members: [
      { id: CONSUMER, kind: "industry" },
      { id: PROVIDER, kind: "enterprise", reachable: true },
      { id: BEHIND_NAT, kind: "government", reachable: false },
    ],
  });

  async function offer(slug: string, count: number, release: Release = {}, terms: Partial<PolicyDraft> = {}) {
    const path = join(data, `${slug}.csv`);
    const id = `${PROVIDER}:${slug}`;
    await writeFile(path, rowsText(count));
    const policy = policyFor(slug, release, 1, terms);
    await net.node(PROVIDER).services.assets.register({
      description: { ...DESCRIPTION, id, unitDomain: `${PROVIDER}-${slug}` },
      source: { kind: "csv", path },
      policy,
    });
    await net.settled();
    return id;
  }
  async function api(member: string, method: "GET" | "POST", path: string, body?: unknown, headers: object = {}) {
    const { address, token } = net.node(member);
    return await fetch(`${address.api}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
  async function json<T = TransferView>(member: string, method: "GET" | "POST", path: string, body?: unknown) {
    const answer = await api(member, method, path, body);
    const said = (await answer.json()) as T;
    if (!answer.ok) throw new Error(JSON.stringify(said));
    return said;
  }
  async function state(member: string, id: string, states: readonly string[]): Promise<TransferView> {
    let view: TransferView | undefined;
    await expect
      .poll(async () => {
        view = await json<TransferView>(member, "GET", `/transfers/${id}`);
        return view.state;
      })
      .toSatisfy((now: string) => states.includes(now) || now === "REFUSED");
    if (view === undefined || !states.includes(view.state)) throw new Error(JSON.stringify(view));
    return view;
  }
  await offer("panel", rows);
  return {
    net,
    clock,
    api,
    json,
    state,
    offer,
    async begin(want = {}, states = ["STARTED"]) {
      const { transfer } = await json(CONSUMER, "POST", "/transfers", { asset: ASSET, ...want });
      return await state(CONSUMER, transfer, states);
    },
    async close() {
      await net.close();
      await rm(data, { recursive: true, force: true });
    },
  };
}

const DESCRIPTION = {
  title: { en: "Panel of alpha" },
  keywords: [],
  fields: [
    { name: "year", element: "year", type: "code", codeTable: "years" },
    {
      name: "output",
      element: "output-value",
      type: "decimal",
      scale: 1,
      unit: "CNY",
      bounds: { minimum: "0", maximum: "100000000" },
    },
    { name: "name", element: "name", type: "text" },
    { name: "note", element: "note", type: "text" },
  ],
  codeTables: { years: [{ code: "2024" }, { code: "2025" }] },
  unit: { kind: "provider" },
  grade: { legal: "general", level: "L1" },
};
