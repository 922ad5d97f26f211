import { randomBytes } from "node:crypto";
import { gunzipSync } from "node:zlib";
import rateLimit from "@fastify/rate-limit";
import pino from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { utf8 } from "../../../crypto/suites/encoding.ts";
import { type SigningIdentity, signingIdentity } from "../../../crypto/suites/signed.ts";
import { type Dataset, packedDataset } from "../../../exchange/catalog/dcat.ts";
import { firstRequest, verificationMessage } from "../../../exchange/negotiation/compose.ts";
import type { NegotiationMessage } from "../../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../../exchange/negotiation/negotiation.ts";
import { negotiationProtocol } from "../../../exchange/negotiation/protocol.ts";
import { context } from "../../../exchange/protocol/vocabulary.ts";
import type { TransferMessage } from "../../../exchange/transfers/messages.ts";
import { transferProtocol } from "../../../exchange/transfers/protocol.ts";
import type { Transfer } from "../../../exchange/transfers/transfer.ts";
import { createAuthenticate } from "../../dataspace/authenticate.ts";
import { participantToken } from "../../dataspace/participant-token.ts";
import { createProcesses } from "../../dataspace/processes.ts";
import { memoryRecords } from "../../peer/_memory-records.ts";
import { systemEffects } from "../../runtime/effects.ts";
import { createHttpApp, type HttpApp } from "../http-app.ts";
import { addDataspaceRoutes } from "./dataspace-routes.ts";
import { createParticipantLimits } from "./participant-limits.ts";

const alpha = signingIdentity("alpha", "intl", randomBytes(32));
const gamma = signingIdentity("gamma", "intl", randomBytes(32));
const stranger = signingIdentity("stranger", "intl", randomBytes(32));
const PER_MINUTE = 20;
const PAGE_SIZE = 100;
const BASE = "/dsp/2025-1";
const ALL: readonly Dataset[] = Array.from({ length: 250 }, (_, index) => ({
  "@id": `beta:panel-${String(index).padStart(3, "0")}`,
  "@type": "Dataset" as const,
  hasPolicy: [{ "@id": `offer-${index}`, "@type": "Offer" as const, permission: [{ action: "use" }] }],
  distribution: [{ "@type": "Distribution" as const, format: "HttpData-PULL", accessService: "urn:service" }],
}));

let app: HttpApp;
let refusals: string[];

beforeEach(async () => {
  refusals = [];
  const quiet = {
    now: systemEffects.now,
    post: async () => ({ kind: "passing" as const, code: "nobody", doubtful: false }),
    ask: async () => undefined,
    admits: async () => undefined,
    next: async () => undefined,
    onError: () => undefined,
    records: memoryRecords<never>(),
    open: memoryRecords<true>(),
  };
  app = createHttpApp({
    logger: pino({ level: "silent" }),
    maxBodyBytes: () => 1 << 21,
    requestTimeoutMs: 10_000,
  });
  await app.register(rateLimit, { global: false, timeWindow: 60_000 });
  addDataspaceRoutes(app, {
    limits: createParticipantLimits(app, {
      requestsPerMinute: () => PER_MINUTE,
      callsAtOnce: () => 4,
      bodyBytes: () => 1 << 20,
    }),
    authenticate: createAuthenticate({
      publicKey: async (member, key) =>
        [alpha, gamma].find((one) => one.member === member && one.key === key)?.publicKey,
      audience: "beta",
      now: systemEffects.now,
      ahead: memoryRecords(),
    }),
    countRefusal: (code) => refusals.push(code),
    catalog: {
      participant: "beta",
      service: { "@id": "urn:service", "@type": "DataService", endpointURL: `https://beta.example${BASE}` },
      async page(_participant, _filter, { after, before }) {
        const from =
          before === undefined
            ? ALL.findIndex((one) => after === undefined || one["@id"] > after)
            : Math.max(0, ALL.findIndex((one) => one["@id"] >= before) - PAGE_SIZE);
        const some = from < 0 ? [] : ALL.slice(from, from + PAGE_SIZE);
        const [first, last] = [some[0], some.at(-1)];
        return {
          datasets: some.map(packedDataset),
          ...(first === undefined || from === 0 ? {} : { previous: { before: first["@id"] } }),
          ...(last === undefined || last === ALL.at(-1) ? {} : { next: { after: last["@id"] } }),
        };
      },
      async dataset(_participant, id) {
        const found = ALL.find((one) => one["@id"] === id);
        return found === undefined ? undefined : packedDataset(found);
      },
    },
    negotiations: createProcesses<Negotiation, NegotiationMessage>({ ...quiet, protocol: negotiationProtocol }),
    transfers: createProcesses<Transfer, TransferMessage>({ ...quiet, protocol: transferProtocol }),
  });
  await app.ready();
});
afterEach(() => app.close());

function tokenFor(identity: SigningIdentity, method: string, target: string, body: string): string {
  return participantToken(identity, { audience: "beta", method, target, body: utf8(body) }, systemEffects);
}

async function call(
  method: "GET" | "POST",
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
) {
  const url = `${BASE}/${path}`;
  const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
  const answer = await app.inject({
    method,
    url,
    headers: {
      authorization: tokenFor(alpha, method, url, text),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { payload: text }),
  });
  return { status: answer.statusCode, headers: answer.headers, raw: answer.rawPayload, text: answer.body };
}

const OFFER = {
  "@id": "offer-1",
  "@type": "Offer" as const,
  target: "beta:panel-001",
  permission: [{ action: "use" }],
};
const REQUEST = firstRequest("pid-of-alpha", OFFER, "https://alpha.example/");
const CATALOG_REQUEST = { "@context": context(), "@type": "CatalogRequestMessage" };
const begun = async () => JSON.parse((await call("POST", "negotiations/request", REQUEST)).text) as Negotiation;

describe("a caller whose token is not for this call", () => {
  const other = "another body";
  const url = `${BASE}/negotiations/request`;
  const body = JSON.stringify(REQUEST);
  const tokens: Readonly<Record<string, () => string | undefined>> = {
    "is missing": () => undefined,
    "is of nobody on the ledger": () => tokenFor(stranger, "POST", url, body),
    "is for another method": () => tokenFor(alpha, "GET", url, body),
    "is for another path": () => tokenFor(alpha, "POST", `${BASE}/transfers/request`, body),
    "is for another body": () => tokenFor(alpha, "POST", url, other),
    "is for another participant": () =>
      participantToken(alpha, { audience: "gamma", method: "POST", target: url, body: utf8(body) }, systemEffects),
  };
  test.each(Object.entries(tokens))("because it %s is told that there is nothing", async (_why, token) => {
    const authorization = token();
    const headers = { "content-type": "application/json", ...(authorization === undefined ? {} : { authorization }) };
    const answer = await app.inject({ method: "POST", url, headers, payload: body });
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toEqual({
      "@context": context(),
      "@type": "ContractNegotiationError",
      code: "not-found",
    });
    expect(refusals).toEqual(["ERR_DATASPACE_UNKNOWN"]);
  });

  test("because it was shown before is told the same", async () => {
    const path = "catalog/datasets/beta:panel-001";
    const authorization = tokenFor(alpha, "GET", `${BASE}/${path}`, "");
    expect((await call("GET", path, undefined, { authorization })).status).toBe(200);
    expect((await call("GET", path, undefined, { authorization })).status).toBe(404);
  });

  test("hears of another's process what it would hear of none", async () => {
    const { providerPid } = await begun();
    const path = `negotiations/${providerPid}`;
    const authorization = tokenFor(gamma, "GET", `${BASE}/${path}`, "");
    const theirs = await call("GET", path, undefined, { authorization });
    const none = await call("GET", "negotiations/none");
    expect([theirs.status, theirs.text]).toEqual([404, none.text]);
    expect((await call("GET", path)).status).toBe(200);
  });
});

describe("a message", () => {
  test("that is none of the protocol is refused with what is wrong", async () => {
    const { status, text } = await call("POST", "negotiations/request", { ...REQUEST, offer: { "@id": "x" } });
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ "@type": "ContractNegotiationError", code: "message-malformed" });
    expect(JSON.parse(text).reason.join()).toContain("/offer");
  });
  test("in the wrong place is refused with the ids of the process", async () => {
    const { providerPid, consumerPid } = await begun();
    const message = verificationMessage({ providerPid, consumerPid });
    const { status, text } = await call("POST", `negotiations/${providerPid}/agreement/verification`, message);
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ providerPid, consumerPid, code: "transition-not-allowed" });
  });
  test.each([
    ["that is too long", "x".repeat((1 << 20) + 1), 413],
    ["that is no JSON", "{", 400],
    ["that is nested without end", "[".repeat(100_000), 400],
  ])("%s is refused in the words of the protocol", async (_name, body, wanted) => {
    const { status, text } = await call("POST", "transfers/request", body);
    expect(status).toBe(wanted);
    expect(JSON.parse(text)).toMatchObject({ "@type": "TransferError", "@context": context() });
  });
});

test.each([
  ["negotiations/request", "ContractNegotiationError"],
  ["negotiations/none/termination", "ContractNegotiationError"],
  ["transfers/none/start", "TransferError"],
  ["catalog/request", "CatalogError"],
])("a body for %s that is too long is not read", async (path, type) => {
  const { status, text } = await call("POST", path, "x".repeat((1 << 20) + 1));
  expect(status).toBe(413);
  expect(JSON.parse(text)).toMatchObject({ "@type": type, "@context": context() });
});

describe("the catalogue", () => {
  test("comes in pages that lead to each other", async () => {
    const seen: string[] = [];
    let path: string | undefined = "catalog/request";
    let back: string | undefined;
    while (path !== undefined) {
      const { headers, text } = await call("POST", path, CATALOG_REQUEST);
      seen.push(...(JSON.parse(text) as { dataset: { "@id": string }[] }).dataset.map((one) => one["@id"]));
      const link = String(headers["link"] ?? "");
      path = /<\/dsp\/2025-1\/([^>]*)>; rel="next"/.exec(link)?.[1];
      back = /<\/dsp\/2025-1\/([^>]*)>; rel="previous"/.exec(link)?.[1];
    }
    expect(seen).toEqual(ALL.map((one) => one["@id"]));
    const previous = JSON.parse((await call("POST", back ?? "", CATALOG_REQUEST)).text);
    expect(previous.dataset[0]["@id"]).toBe("beta:panel-100");
  });
  test("leaves an empty list out", async () => {
    const { text } = await call("POST", "catalog/request?after=beta:z", CATALOG_REQUEST);
    expect(JSON.parse(text)).not.toHaveProperty("dataset");
  });
  test("is packed for whoever takes gzip", async () => {
    const packed = await call("POST", "catalog/request", CATALOG_REQUEST, { "accept-encoding": "gzip, br" });
    expect(packed.headers["content-encoding"]).toBe("gzip");
    expect(JSON.parse(gunzipSync(packed.raw).toString())).toMatchObject({ participantId: "beta" });
    const plain = await call("POST", "catalog/request", CATALOG_REQUEST, { "accept-encoding": "gzip;q=0, br" });
    expect(plain.headers["content-encoding"]).toBeUndefined();
    expect(plain.text).toBe(gunzipSync(packed.raw).toString());
  });
  test.each([
    ["a field that it does not know", [{ legal: "core" }, { colour: "red" }], "/filter/1/colour: no such field"],
    ["a value that the field cannot have", [{ level: "L5" }], '/filter/0/level: wanted L1, L2, L3 or L4, got "L5"'],
    ["what is no condition", ["energy"], "/filter/0: wanted an object of element, keyword"],
    ["more conditions than it takes", Array.from({ length: 9 }, () => ({ level: "L1" })), "/filter: wanted at most 8"],
  ])("refuses a filter with %s, by its name", async (_name, filter, wanted) => {
    const { status, text } = await call("POST", "catalog/request", { ...CATALOG_REQUEST, filter });
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ "@type": "CatalogError", code: "filter-unsupported" });
    expect(JSON.parse(text).reason.join()).toContain(wanted);
  });
  test("refuses a place that is two", async () => {
    const { status, text } = await call("POST", "catalog/request?after=a&before=b", CATALOG_REQUEST);
    expect([status, JSON.parse(text).code]).toEqual([400, "place-ambiguous"]);
  });
});

test("a participant that asks too often is told to slow down, over all routes, and others are not", async () => {
  for (let asked = 0; asked < PER_MINUTE; asked++) {
    expect((await call("GET", asked % 2 === 0 ? "transfers/none" : "catalog/datasets/beta:panel-001")).status).not.toBe(
      429,
    );
  }
  const refused = await call("GET", "negotiations/none");
  expect(refused.status).toBe(429);
  expect(JSON.parse(refused.text)).toMatchObject({
    "@type": "ContractNegotiationError",
    code: "ERR_HTTP_RATE_LIMIT",
  });
  const authorization = tokenFor(gamma, "GET", `${BASE}/negotiations/none`, "");
  expect((await call("GET", "negotiations/none", undefined, { authorization })).status).toBe(404);
});
