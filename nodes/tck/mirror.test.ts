/** The scenarios of the official suite, with its ids, in process: for every edit. `npm run tck` runs the suite itself. */
import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { memoryRecords } from "../peer/_memory-records.ts";
import { createConnector } from "./_connector.ts";
import { ADDRESS, actOf, createInbox, get, negotiationAct, post, transferAct } from "./_peer.ts";
import { NEGOTIATION_SCENARIOS, type Scenario, TRANSFER_SCENARIOS } from "./_scenarios.ts";

async function run({ preset, steps }: Scenario, kind: "negotiations" | "transfers"): Promise<void> {
  const { client, next } = createInbox();
  const options = { address: "http://connector.example", client, openStore: <V>() => memoryRecords<V>(), pauseMs: 0 };
  const connector = await createConnector(options);
  const messageOf = kind === "negotiations" ? negotiationAct : transferAct;
  let pids: { providerPid?: string; consumerPid?: string } = {};
  let own = "";
  try {
    for (const step of steps) {
      const [sign, word = ""] = step.split(" ");
      if (sign === "hook") {
        const payload = { datasetId: preset, offerId: `offer${preset}`, agreementId: preset, format: "HttpData-PULL" };
        const about = { ...payload, providerId: "TCK_PARTICIPANT", connectorAddress: `${ADDRESS}/` };
        const answer = await connector.hooks.inject({ method: "POST", url: `/tck/${kind}/requests`, payload: about });
        expect(answer.statusCode).toBe(200);
      } else if (sign === "<") {
        const { url, message } = await next();
        expect(actOf(message)).toBe(word);
        if (word === "request") {
          own = message.consumerPid ?? "";
          pids = { consumerPid: own, providerPid: `of-${own}` };
          expect(url).toBe(`${ADDRESS}/${kind}/request`);
        } else {
          expect(message).toMatchObject(pids);
          const theirs = own === pids.consumerPid ? pids.providerPid : pids.consumerPid;
          expect(url).toContain(`${ADDRESS}/${kind}/${theirs}/`);
        }
      } else if (sign === "=") {
        const state = async () => (await get(connector, `${kind}/${own}`)).body.state;
        await expect.poll(state, { timeout: 10_000, interval: 5 }).toBe(word);
      } else if (word === "request") {
        const consumerPid = randomUUID();
        const { status, body } = await post(
          connector,
          `${kind}/request`,
          messageOf(word, { consumerPid }, preset).message,
        );
        expect(status).toBe(201);
        expect(body).toMatchObject({ consumerPid, state: "REQUESTED" });
        own = body?.providerPid ?? "";
        pids = { consumerPid, providerPid: own };
      } else {
        const { path, message } = messageOf(word, pids, preset);
        const { status, body } = await post(connector, `${kind}/${own}/${path}`, message);
        expect(status).toBe(sign === ">!" ? 400 : 200);
        if (sign === ">!") expect(body).toMatchObject({ ...pids, code: "transition-not-allowed" });
      }
    }
  } finally {
    await connector.close();
  }
}

/** As the sequence diagrams of the suite number them: up to which scenario, by group and part. 02-04 of transfers is disabled there. */
const PARTS: Readonly<Record<string, readonly number[]>> = {
  CN: [4, 7, 4],
  CN_C: [4, 6, 6],
  TP: [5, 5, 6],
  TP_C: [5, 5, 6],
};
test("there is one of each of the suite's scenarios: 65 with those of catalogue and metadata", () => {
  const wanted = Object.entries(PARTS).flatMap(([group, parts]) =>
    parts.flatMap((most, part) =>
      Array.from({ length: most }, (_, at) => `${group}:0${part + 1}-0${at + 1}`).filter(
        (id) => !/^TP.*:02-04$/.test(id),
      ),
    ),
  );
  const ids = [...NEGOTIATION_SCENARIOS, ...TRANSFER_SCENARIOS].map(({ id }) => id);
  expect(ids.toSorted()).toEqual(wanted.toSorted());
  expect(ids.length + 4).toBe(65);
});

describe("contract negotiation", () => {
  test.each(NEGOTIATION_SCENARIOS)("$id", (scenario) => run(scenario, "negotiations"));
});

describe("transfer process", () => {
  test.each(TRANSFER_SCENARIOS)("$id", (scenario) => run(scenario, "transfers"));
});

describe("catalogue and metadata", () => {
  async function connected() {
    const { client } = createInbox();
    const options = { address: "http://connector.example", client, openStore: <V>() => memoryRecords<V>(), pauseMs: 0 };
    return await createConnector(options);
  }
  const request = { "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"], "@type": "CatalogRequestMessage" };

  test("MET:01-01", async () => {
    const connector = await connected();
    const answer = await connector.app.inject({ method: "GET", url: "/.well-known/dspace-version" });
    expect(answer.json()).toEqual({ protocolVersions: [{ version: "2025-1", path: "/dsp/2025-1", binding: "HTTPS" }] });
    await connector.close();
  });
  test("CAT:01-01", async () => {
    const connector = await connected();
    const { status, body } = await post(connector, "catalog/request", request);
    expect(status).toBe(200);
    expect(body).toMatchObject({ "@type": "Catalog", participantId: "CONNECTOR_UNDER_TEST" });
    expect((body as unknown as { dataset: object[] }).dataset).toContainEqual(
      expect.objectContaining({ "@id": "CAT0101", "@type": "Dataset" }),
    );
    await connector.close();
  });
  test("CAT:01-02", async () => {
    const connector = await connected();
    expect(await get(connector, "catalog/datasets/CAT0102")).toMatchObject({ status: 200, body: { "@id": "CAT0102" } });
    await connector.close();
  });
  test("CAT:01-03", async () => {
    const connector = await connected();
    const { status, body } = await get(connector, "catalog/datasets/CAT0103");
    expect(status).toBe(404);
    expect(body).toMatchObject({ "@type": "CatalogError", "@context": request["@context"] });
    await connector.close();
  });
});
