/**
 * A live network to fuzz: one request released, one computation that waits for a member that has gone, one request
 * agreed and not opened. What its nodes said to each other on the way is the stock of valid messages.
 */
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RequestDocument } from "../../exchange/requests/ports.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import {
  createNetwork,
  defaultPolicy,
  draftOf,
  type Network,
  PROVIDERS,
  SUM_BY_YEAR,
} from "../computations/_network.ts";
import type { RunningNode } from "../runtime/node.ts";

export interface FuzzWorld extends AsyncDisposable {
  readonly network: Network;
  /** Nodes whose interfaces are fuzzed. */
  readonly targets: readonly string[];
  /** Members in whose name peer requests are signed. */
  readonly authors: readonly string[];
  /** Bodies that were really sent, by method and path without ids. */
  readonly sent: ReadonlyMap<string, readonly unknown[]>;
  /** Ids that exist. */
  readonly known: readonly string[];
  /** Ids whose object may be withdrawn, revoked, suspended or cancelled without spoiling the rest. */
  readonly expendable: readonly string[];
  node(member: string): RunningNode;
  /** Changes with every write of a node, the access log apart, which writes down refusals too. */
  storeOf(member: string): Promise<string>;
  /** Height of its replica, and what waits for the sequencer: the first line of `storeOf`. */
  ledgerOf(member: string): Promise<string>;
  /** Resolves when the node has written nothing for a while. */
  quiet(member: string): Promise<void>;
}

const DAY_MS = 86_400_000;
const ABSENT = "omega";
const QUIET_MS = 250;
const ID = /[0-9a-f]{8}-[0-9a-f-]{27}|[a-z0-9-]+:[a-z0-9-]+/g;

/** Path without ids and query, so that a stock serves every request of its route. */
export const routeKey = (method: string, path: string): string =>
  `${method} ${(path.split("?", 1)[0] ?? "").replace(ID, ":").replace(/:[a-z]+/g, ":")}`;

export async function createFuzzWorld(): Promise<FuzzWorld> {
  const sent = new Map<string, unknown[]>();
  const network = await createNetwork({
    opensByItself: false,
    stepMs: DAY_MS,
    releaseMs: DAY_MS,
    members: [
      { id: "operator", kind: "industry" },
      { id: "ministry", kind: "government" },
      { id: "bureau", kind: "government" },
      { id: "zeta", kind: "enterprise" },
      ...PROVIDERS.map((id) => ({ id, kind: "enterprise" as const, attributes: { sector: "17" } })),
    ],
    config: {
      limits: {
        minimumFreeDiskMiB: 1,
        bodyBytes: 256 * 1024,
        peerBodyBytes: 8 * 1024 * 1024,
        apiRequestsPerMinute: 1_000_000,
        peerRequestsPerMinutePerMember: 1_000_000,
        peerRequestsPerMinutePerAddress: 10_000_000,
        longPollMs: 1_000,
      },
      // Anchors would write to the ledger for every refused call.
      accessLog: { anchorEntries: 1_000_000, anchorIntervalMs: DAY_MS },
    },
    observe: (_member, { direction, method, path, body }) => {
      if (direction !== "sent" || body.length === 0) return;
      const key = routeKey(method, path);
      const bodies = sent.get(key) ?? [];
      if (bodies.length < 40) sent.set(key, [...bodies, JSON.parse(Buffer.from(body).toString())]);
    },
  });
  const { net, call, state, submit } = network;
  const agreed = async (draft: object) => {
    const id = await submit(draft);
    const { assets } = await state(id, ["agreed"]);
    return { id, agreements: assets.flatMap(({ agreement }) => agreement ?? []) };
  };
  const open = async (id: string) =>
    (await call<{ computation: string }>("ministry", "POST", `/api/v1/requests/${id}/open`)).computation;

  const table = join(net.dir, "spare.csv");
  await writeFile(table, "year,output\n2024,10.5\n2025,12.0\n");
  const registration = {
    asset: spareAsset,
    source: { kind: "csv", path: table },
    policy: policyOf({ ...defaultPolicy("alpha"), id: "alpha:spare:policy", asset: SPARE }),
  };
  await call("alpha", "POST", "/api/v1/assets", registration);
  const first = await agreed({});
  const done = await open(first.id);
  await state(first.id, ["released"]);
  await call("ministry", "GET", `/api/v1/requests/${first.id}/result`);
  const second = await agreed({ query: SUM_BY_YEAR });
  const third = await agreed({ title: { en: "Spare" }, assets: ["alpha:panel", "beta:panel", "gamma:panel"] });
  await net.stop(ABSENT);
  const running = await open(second.id);
  await state(second.id, ["opened"]);
  const add = (key: string, ...bodies: unknown[]) => sent.set(key, [...(sent.get(key) ?? []), ...bodies]);
  add("POST /api/v1/assets", registration);
  add("POST /api/v1/requests/check", draftOf());
  for (const key of ["POST /api/v1/requests", "POST /api/v1/requests/plan"])
    add(key, draftOf(), { ...draftOf(), query: SUM_BY_YEAR });
  for (const key of ["POST /api/v1/policies/check", "POST /api/v1/policies/simulate", "PUT /api/v1/assets/:/policy"])
    add(key, { policy: registration.policy });
  add("POST /api/v1/assets/:/policy/activations", { policy: registration.policy, from: "2098-01-01T00:00:00Z" });
  const document = await net.node("ministry").services.openStore<RequestDocument>("request-documents").get(first.id);
  add("POST /api/v1/assets/:/policy/explain", { request: document?.document.statement, policy: registration.policy });

  const dirOf = (member: string) => join(net.dir, member);
  const ledgerOf = async (member: string) => {
    const { height, outbox } = await net.node(member).services.ledger.status();
    return `height ${height}, ${outbox} in the outbox`;
  };
  const storeOf = async (member: string) => {
    const folders = await Promise.all(
      ["store", "ledger", "inflight"].map((name) => sizesOf(join(dirOf(member), name))),
    );
    return [await ledgerOf(member), ...folders.flat()].join("\n");
  };
  return {
    network,
    targets: ["operator", "ministry", "bureau", "alpha"],
    authors: ["beta", "alpha", "ministry", "operator", "bureau"],
    sent,
    known: [
      ...["alpha", "beta", "ministry", "bureau", "operator"],
      ...PROVIDERS.map((member) => `${member}:panel`),
      ...[first.id, second.id, done, running],
      ...first.agreements,
    ],
    expendable: ["zeta", SPARE, third.id, ...third.agreements],
    node: (member) => net.node(member),
    storeOf,
    ledgerOf,
    async quiet(member) {
      for (let before = await storeOf(member); ; ) {
        await sleep(QUIET_MS);
        const after = await storeOf(member);
        if (after === before) return;
        before = after;
      }
    },
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  };
}

const SPARE = "alpha:spare";
const spareAsset = {
  id: SPARE,
  title: { en: "Spare" },
  keywords: ["spare"],
  fields: [
    { name: "year", element: "year", type: "code", codeTable: "years" },
    {
      name: "output",
      element: "output-value",
      type: "decimal",
      scale: 1,
      unit: "CNY",
      bounds: { minimum: "0", maximum: "99" },
    },
  ],
  codeTables: { years: [{ code: "2024" }, { code: "2025" }] },
  unit: { kind: "provider" },
  unitDomain: "alpha-spare",
  grade: { legal: "general", level: "L1" },
};

async function sizesOf(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(
    names.map(async (name) => {
      // LevelDB writes its log of events when it likes.
      if (/^LOG(\.old)?$/.test(name)) return [];
      const found = await stat(join(folder, name)).catch(() => undefined);
      return found === undefined ? [] : [`${name} ${found.size}`];
    }),
  );
  return sizes.flat().sort();
}
