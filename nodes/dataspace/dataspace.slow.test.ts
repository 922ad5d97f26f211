/** The Dataspace Protocol between two nodes over TLS, each under the key that the ledger names. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, request as httpRequest } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { firstRequest } from "../../exchange/negotiation/compose.ts";
import { dataRequestOf, openOffer } from "../../exchange/negotiation/data-request.ts";
import { context } from "../../exchange/protocol/vocabulary.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import { defaultPolicy, draftOf } from "../computations/_network.ts";
import type { NegotiationRecord } from "../computations/negotiation-index.ts";
import { createTestnet, type Testnet } from "../testnet/testnet.ts";
import { createDataspaceClient, type DataspaceClient } from "./client.ts";
import { participantToken } from "./participant-token.ts";

const PROVIDERS = ["alpha", "beta", "gamma"];
let net: Testnet;
let data: string;
let client: DataspaceClient;
let base: string;
const never = new AbortController().signal;
const CATALOG_REQUEST = { "@context": context(), "@type": "CatalogRequestMessage" };

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "sealane-dataspace-"));
  net = await createTestnet({
    members: [
      { id: "operator", kind: "industry" },
      { id: "ministry", kind: "government" },
      { id: "bureau", kind: "government" },
      { id: "alpha", kind: "enterprise", reachable: true },
      { id: "beta", kind: "enterprise" },
      { id: "gamma", kind: "enterprise" },
    ],
    config: { computations: { opensByItself: false } },
  });
  const path = join(data, "panel.csv");
  await writeFile(path, "year,output,tax\n2024,3176.5,17.2\n2025,3918.2,31.4\n");
  for (const member of PROVIDERS) {
    await net.node(member).services.assets.register({
      description: descriptionOf(member),
      source: { kind: "csv", path },
      policy: policyOf({ ...defaultPolicy(member), minimumOrganisations: 3 }),
    });
  }
  await net.settled();
  base = `${net.node("alpha").address.peer}/dsp/2025-1`;
  client = clientOf("bureau");
}, 120_000);
afterAll(async () => {
  await net.close();
  await rm(data, { recursive: true, force: true });
});

/** A client under the identity of this member's node. */
function clientOf(member: string): DataspaceClient {
  const { services } = net.node(member);
  return createDataspaceClient({
    async dispatcher(peer, url) {
      const target = await services.members.target(peer);
      expect(new URL(url).origin).toBe(new URL(target.endpoint).origin);
      return services.peers.pool(target);
    },
    authorize: ({ peer, method, url, body }) =>
      participantToken(services.identity, { audience: peer, method, target: new URL(url).pathname, body }, services),
  });
}

test("a member finds another's asset with its policy as the offer", async () => {
  const answer = await client.post("alpha", `${base}/catalog/request`, CATALOG_REQUEST, never);
  expect(answer).toMatchObject({
    kind: "taken",
    answer: {
      "@type": "Catalog",
      participantId: "alpha",
      service: [{ "@type": "DataService", endpointURL: base }],
      dataset: [
        {
          "@id": "alpha:panel",
          hasPolicy: [{ "@id": expect.stringContaining("alpha:panel:policy"), "@type": "Offer", assigner: "alpha" }],
          distribution: [{ format: "Sealane-SecureAggregation" }],
        },
      ],
    },
  });
  const dataset = await client.get("alpha", `${base}/catalog/datasets/alpha:panel`, never);
  expect(dataset).toMatchObject({ "@context": context(), "@id": "alpha:panel" });
  expect(dataset).not.toHaveProperty("hasPolicy.0.target");
});

test("a member whom the policy is not for does not hear of it", async () => {
  const industry = clientOf("operator");
  const answer = await industry.post("alpha", `${base}/catalog/request`, CATALOG_REQUEST, never);
  expect(answer).toMatchObject({ kind: "taken", answer: { "@type": "Catalog" } });
  expect(answer).not.toHaveProperty("answer.dataset");
  expect(await industry.get("alpha", `${base}/catalog/datasets/alpha:panel`, never)).toBeUndefined();
});

describe("a negotiation", () => {
  test("without a data request is refused with its cause", async () => {
    const offer = { "@id": "any", "@type": "Offer" as const, target: "alpha:panel", permission: [{ action: "use" }] };
    const message = firstRequest("pid-1", offer, `${net.operator.address.peer}/dsp/2025-1`);
    expect(await client.post("alpha", `${base}/negotiations/request`, message, never)).toMatchObject({
      kind: "refused",
      code: "data-request-wanted",
    });
  });

  test("about a data request is finalized between two nodes that take calls, and both show its messages", async () => {
    const request = await filed();
    const negotiations = async () => [await negotiationAt("ministry", request), await negotiationAt("alpha", request)];
    const both = { state: "FINALIZED" };
    await expect.poll(negotiations, { timeout: 120_000, interval: 100 }).toMatchObject([both, both]);
    const [ours, theirs] = await negotiations();
    const said = ({ messages }: Shown) => messages.map(({ message, digest }) => [message, digest]);
    expect(said(ours!).map(([message]) => message)).toEqual([
      "ContractRequestMessage",
      "ContractAgreementMessage",
      "ContractAgreementVerificationMessage",
      "ContractNegotiationEventMessage",
    ]);
    expect(said(theirs!)).toEqual(said(ours!));
    expect([ours!.role, theirs!.role]).toEqual(["consumer", "provider"]);
    expect(theirs!.providerPid).toBe(ours!.providerPid);
  });

  test("the document that it names is there for its providers, and for everybody else there is nothing", async () => {
    const request = await filed();
    const address = `${net.node("ministry").address.peer}/dsp/2025-1/requests/${request}`;
    expect(await clientOf("alpha").get("ministry", address, never)).toMatchObject({
      document: { statement: { id: request, requester: "ministry" } },
    });
    for (const stranger of ["bureau", "operator"]) {
      expect(await clientOf(stranger).get("ministry", address, never)).toBeUndefined();
    }
    expect((await fetchUnpinned(address)).status).toBe(404);
  });

  test("is refused by name where it names another digest than the ledger, another's request, or none that is known", async () => {
    const request = await filed();
    const digest = "A".repeat(43);
    const callback = `${net.node("ministry").address.peer}/dsp/2025-1`;
    const begin = (by: string, pid: string, about: string, asset = "alpha:panel") =>
      clientOf(by).post(
        "alpha",
        `${base}/negotiations/request`,
        firstRequest(pid, openOffer(asset, { "@id": `${callback}/requests/1`, request: about, digest }), callback),
        never,
      );
    const refused = (code: string) => ({ kind: "refused", code });
    expect(await begin("ministry", "pid-2", request)).toMatchObject(refused("data-request-mismatch"));
    expect(await begin("bureau", "pid-3", request)).toMatchObject(refused("data-request-mismatch"));
    const unknown = "00000000-0000-4000-8000-000000000000";
    expect(await begin("ministry", "pid-4", unknown)).toMatchObject({ kind: "passing", code: "not-yet" });
  });

  test("ends with its cause on both sides when its request is cancelled before it is decided", async () => {
    const policy = policyOf({ ...defaultPolicy("alpha"), version: 2, minimumOrganisations: 3, approval: "steward" });
    await net.node("alpha").services.assets.setPolicy("alpha:panel", policy);
    await net.settled();
    const request = await filed();
    const records = async () => [await processAt("ministry", request), await processAt("alpha", request)];
    const state = async () => (await records()).map((record) => record?.side.document?.state);
    await expect.poll(state, { timeout: 120_000, interval: 100 }).toEqual(["REQUESTED", "REQUESTED"]);
    await call("ministry", `/api/v1/requests/${request}/cancel`, { reason: "enough" });
    await expect.poll(state, { timeout: 120_000, interval: 100 }).toEqual(["TERMINATED", "TERMINATED"]);
    const ended = { side: { document: { termination: { code: "request-cancelled", reason: ["enough"] } } } };
    expect(await records()).toMatchObject([ended, ended]);
  });
});

type Shown = {
  role: string;
  state: string;
  providerPid: string;
  messages: { message: string; digest: string; state: string }[];
};

async function call<T>(member: string, path: string, body?: object): Promise<T> {
  const { address, token } = net.node(member);
  const answer = await fetch(`${address.api}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const value = await answer.json();
  expect(answer.ok, JSON.stringify(value)).toBe(true);
  return value as T;
}

let filings = 0;
async function filed(): Promise<string> {
  filings += 1;
  const { query, ...common } = draftOf();
  const draft = {
    ...common,
    // The same question is not filed twice while the first is not over.
    query: { ...query, measures: query.measures.map((one) => ({ ...one, id: `${one.id}-${filings}` })) },
    title: { en: `Output ${filings}` },
    assets: PROVIDERS.map((member) => `${member}:panel`),
  };
  return (await call<{ id: string }>("ministry", "/api/v1/requests", draft)).id;
}

async function negotiationAt(member: string, request: string): Promise<Shown | undefined> {
  const { agreements } = await call<{ agreements: { agreement: string; request: string; asset: string }[] }>(
    member,
    "/api/v1/agreements",
  );
  const found = agreements.find((one) => one.request === request && one.asset === "alpha:panel");
  if (found === undefined) return undefined;
  return (await call<{ negotiation?: Shown }>(member, `/api/v1/agreements/${found.agreement}`)).negotiation;
}

async function processAt(member: string, request: string): Promise<NegotiationRecord | undefined> {
  const store = net.node(member).services.openStore<NegotiationRecord>("dsp-negotiations");
  for await (const [, record] of store.entries()) {
    const { document } = record.side;
    if (document?.offer.target === "alpha:panel" && dataRequestOf(document.offer)?.request === request) return record;
  }
  return undefined;
}

/** As somebody does who is no member. */
function fetchUnpinned(url: string): Promise<{ status: number }> {
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
  return httpRequest(url, { dispatcher }).then(async ({ statusCode, body }) => {
    await body.dump();
    await dispatcher.close();
    return { status: statusCode };
  });
}

const descriptionOf = (member: string) => ({
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
  codeTables: { years: [{ code: "2024" }, { code: "2025" }] },
  unit: { kind: "provider" },
  unitDomain: `${member}-units`,
  grade: { legal: "general", level: "L1" },
});
