/** The Dataspace Protocol between two nodes over TLS, each under the key that the ledger names. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { firstRequest } from "../../exchange/negotiation/compose.ts";
import { context } from "../../exchange/protocol/vocabulary.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import { defaultPolicy } from "../computations/_network.ts";
import { createTestnet, type Testnet } from "../testnet/testnet.ts";
import { createDataspaceClient, type DataspaceClient } from "./client.ts";
import { createConnections } from "./connections.ts";
import { participantToken } from "./participant-token.ts";

let net: Testnet;
let data: string;
let client: DataspaceClient;
let base: string;
const connections: { close(): Promise<void> }[] = [];
const never = new AbortController().signal;
const CATALOG_REQUEST = { "@context": context(), "@type": "CatalogRequestMessage" };

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "sealane-dataspace-"));
  net = await createTestnet({
    members: [
      { id: "operator", kind: "industry" },
      { id: "bureau", kind: "government", reachable: false },
      { id: "alpha", kind: "enterprise", reachable: true },
    ],
  });
  const path = join(data, "panel.csv");
  await writeFile(path, "year,output,tax\n2024,3176.5,17.2\n2025,3918.2,31.4\n");
  await net.node("alpha").services.assets.register({
    description: DESCRIPTION,
    source: { kind: "csv", path },
    policy: policyOf(defaultPolicy("alpha")),
  });
  await net.settled();
  base = `${net.node("alpha").address.peer}/dsp/2025-1`;
  client = clientOf("bureau");
}, 120_000);
afterAll(async () => {
  await Promise.all(connections.map((one) => one.close()));
  await net.close();
  await rm(data, { recursive: true, force: true });
});

/** A client under the identity of this member's node. */
function clientOf(member: string): DataspaceClient {
  const { services } = net.node(member);
  const pool = createConnections(services.members);
  connections.push(pool);
  return createDataspaceClient({
    dispatcher: pool.to,
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
  test("is never begun at an address that is not the other member's", async () => {
    const elsewhere = "https://127.0.0.1:9/dsp/2025-1/negotiations/request";
    expect(await client.post("alpha", elsewhere, {}, never)).toMatchObject({
      kind: "passing",
      code: "ERR_PEER_UNREACHABLE",
    });
  });
});

const DESCRIPTION = {
  id: "alpha:panel",
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
  unitDomain: "alpha-units",
  grade: { legal: "general", level: "L1" },
};
