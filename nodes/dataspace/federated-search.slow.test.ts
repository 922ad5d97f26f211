/** A search over members' own catalogues, by the Dataspace Protocol over TLS, with some of them slow, lying or dead. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { policyOf } from "../../policies/model/policy-of.ts";
import { answerOf } from "../attacks/_calls.ts";
import { createFront } from "../attacks/_front.ts";
import { defaultPolicy } from "../computations/_network.ts";
import { createTlsIdentity } from "../config/tls-certificate.ts";
import { systemEffects } from "../runtime/effects.ts";
import { createTestnet, type Testnet } from "../testnet/testnet.ts";

interface Found {
  readonly assets: readonly { readonly asset: { readonly id: string } }[];
  readonly offers: readonly { readonly member: string; readonly id: string }[];
  readonly sources: readonly { readonly member: string }[];
}

const CATALOG = "/dsp/2025-1/catalog/request";
const fronts = { slow: createFront(), liar: createFront(), impostor: createFront() };
let net: Testnet;
let data: string;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "sealane-federated-"));
  const enterprise = { kind: "enterprise", reachable: true, cosigner: false } as const;
  net = await createTestnet({
    members: [
      { id: "operator", kind: "industry" },
      { id: "ministry", kind: "government" },
      ...["alpha", "slow", "liar", "dead", "impostor"].map((id) => ({ id, ...enterprise })),
    ],
    fronts: { slow: fronts.slow.open, liar: fronts.liar.open, impostor: fronts.impostor.open },
  });
  const path = join(data, "panel.csv");
  await writeFile(path, "year,output\n2024,3176.5\n2025,3918.2\n");
  await net.node("alpha").services.assets.register({
    description: descriptionOf("alpha:panel"),
    source: { kind: "csv", path },
    policy: policyOf({ ...defaultPolicy("alpha"), aggregate: { "output-value": ["sum"] } }),
  });
  await net.settled();
}, 240_000);
afterAll(async () => {
  await net.close();
  await rm(data, { recursive: true, force: true });
});

test("finds what honest members have beside slow, lying, dead and pretended ones, and says of each how it went", async () => {
  fronts.slow.lie(({ path }, next) => (path === CATALOG ? new Promise(() => undefined) : next()));
  fronts.liar.lie(async ({ path }, next) =>
    path === CATALOG ? answerOf(catalogOf("liar", ["alpha:panel", "liar:of-no-record", "urn:offer:coal"])) : next(),
  );
  const { now, random } = systemEffects;
  fronts.impostor.lie(async ({ path }, next) =>
    path === CATALOG ? answerOf(catalogOf("impostor", ["urn:offer:stolen"])) : next(),
  );
  fronts.impostor.wear(
    await createTlsIdentity({ member: "impostor", endpoint: undefined, now: now(), serial: random(16) }),
  );
  await net.stop("dead");

  await expect
    .poll(async () => (await search()).sources, { timeout: 120_000, interval: 250 })
    .toMatchObject([
      { member: "alpha", entries: 1, offers: 0, refused: {}, failures: 0 },
      { member: "dead", error: "unreachable", entries: 0, offers: 0 },
      { member: "impostor", error: "unreachable", entries: 0, offers: 0 },
      { member: "liar", entries: 0, offers: 1, refused: { "of-another-member": 1, "not-the-ledgers": 1 }, failures: 0 },
      { member: "operator", entries: 0, offers: 0, failures: 0 },
      { member: "slow", error: "too-slow", entries: 0, offers: 0 },
    ]);
  const { assets, offers } = await search();
  expect(assets.map(({ asset }) => asset.id)).toEqual(["alpha:panel"]);
  expect(offers).toMatchObject([{ member: "liar", id: "urn:offer:coal" }]);
}, 180_000);

async function search(): Promise<Found> {
  const { address, token } = net.node("ministry");
  const answer = await fetch(`${address.api}/api/v1/catalogue`, { headers: { authorization: `Bearer ${token}` } });
  expect(answer.status).toBe(200);
  return (await answer.json()) as Found;
}

const catalogOf = (participantId: string, ids: readonly string[]) => ({
  "@type": "Catalog",
  participantId,
  dataset: ids.map((id) => ({
    ...{ "@id": id, "@type": "Dataset", title: `Title of ${id}` },
    hasPolicy: [{ "@id": "offer", "@type": "Offer", permission: [{ action: "use" }] }],
    distribution: [{ "@type": "Distribution", format: "HttpData-PULL", accessService: "urn:service" }],
  })),
});

const descriptionOf = (id: string) => ({
  ...{ id, title: { en: "Panel" }, keywords: [] },
  fields: [
    { name: "year", element: "year", type: "code", codeTable: "years" },
    {
      ...{ name: "output", element: "output-value", type: "decimal", scale: 1, unit: "CNY" },
      bounds: { minimum: "0", maximum: "1000000" },
    },
  ],
  codeTables: { years: [{ code: "2024" }, { code: "2025" }] },
  unit: { kind: "provider" },
  unitDomain: "alpha-units",
  grade: { legal: "general", level: "L1" },
});
