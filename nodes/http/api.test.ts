import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestnet, type Testnet } from "../testnet/testnet.ts";

let net: Testnet;
beforeAll(async () => {
  net = await createTestnet({
    members: [
      { id: "operator", kind: "industry" },
      { id: "alpha", kind: "enterprise" },
    ],
  });
});
afterAll(() => net.close());

async function call(member: string, method: string, path: string, body?: unknown, token = net.node(member).token) {
  const answer = await fetch(net.node(member).address.api + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, headers: answer.headers, json: (await answer.json()) as Record<string, never> };
}

const source = { kind: "csv", path: "/nowhere/table.csv" };

describe("bad input on the management interface is refused by field", () => {
  test.each([
    ["GET", "/api/v1/members/No%20Good", undefined, 400, "params.member"],
    ["POST", "/api/v1/members/No!/admit", undefined, 400, "params.member"],
    ["POST", "/api/v1/members/alpha/suspend", {}, 400, "body.reason"],
    ["POST", "/api/v1/members/alpha/suspend", { reason: "two words" }, 400, "such as contract-ended"],
    ["POST", "/api/v1/members/alpha/reinstate", { reason: "x", more: 1 }, 400, "body.more"],
    ["POST", "/api/v1/invitations", { expiresInHours: 0 }, 400, "body.expiresInHours"],
    ["POST", "/api/v1/invitations", { note: 1 }, 400, "body.note"],
    ["POST", "/api/v1/applications/alpha/refuse", { reason: "" }, 400, "body.reason"],
    ["GET", "/api/v1/ledger/entries?from=-1", undefined, 400, "querystring.from"],
    ["GET", "/api/v1/ledger/entries?limit=100000", undefined, 400, "querystring.limit"],
    ["GET", "/api/v1/ledger/entries/x/proof", undefined, 400, "params.position"],
    ["GET", "/api/v1/access-log?from=x", undefined, 400, "querystring.from"],
    ["POST", "/api/v1/assets", { asset: {} }, 400, "body.source"],
    ["POST", "/api/v1/assets", { asset: {}, source: { ...source, kind: "xls" } }, 400, "body.source"],
    ["POST", "/api/v1/assets/alpha/withdraw", { reason: "x" }, 400, "wanted <member>:<name>"],
    ["PUT", "/api/v1/assets/alpha:x/policy", {}, 400, "body.policy"],
    ["POST", "/api/v1/policies/check", {}, 400, "body.policy"],
    ["POST", "/api/v1/assets/alpha:x/policy/explain", { request: {} }, 400, "body.request"],
    ["GET", "/api/v1/catalogue?level=L9", undefined, 400, "querystring.level"],
    ["GET", "/api/v1/catalogue?other=1", undefined, 400, "querystring.other"],
  ])("%s %s %j", async (method, path, body, status, field) => {
    const { json } = await call("operator", method, path, body);
    expect(json).toMatchObject({ status, code: "ERR_HTTP_INVALID" });
    expect(JSON.stringify(json.errors)).toContain(field);
  });
});

describe("the management interface", () => {
  test("answers nobody without the token, and the log names who tried", async () => {
    for (const token of ["", "x", `${net.operator.token}x`]) {
      const { status, json, headers } = await call("operator", "GET", "/api/v1/members", undefined, token);
      expect({ status, code: json.code }).toEqual({ status: 401, code: "ERR_HTTP_UNAUTHENTICATED" });
      expect(headers.get("www-authenticate")).toMatch(/^Bearer/);
    }
    const { accessLog } = net.operator.services;
    const [last] = await accessLog.read(accessLog.size() - 1, accessLog.size());
    expect(last?.event).toEqual({ actor: "anonymous", action: "GET /api/v1/members", target: "", outcome: "401" });
  });

  test("writes every call into the access log before it answers", async () => {
    const { accessLog } = net.operator.services;
    const before = accessLog.size();
    await call("operator", "GET", "/api/v1/members/alpha");
    const [entry] = await accessLog.read(before, before + 1);
    expect(entry?.event).toEqual({
      actor: "operator/operator",
      action: "GET /api/v1/members/:member",
      target: "alpha",
      outcome: "200",
    });
  });

  test("says what is not there", async () => {
    expect((await call("operator", "GET", "/api/v1/members/nobody")).json).toMatchObject({ status: 404 });
    expect((await call("operator", "POST", "/api/v1/members/nobody/admit")).json).toMatchObject({
      status: 404,
      code: "ERR_NETWORK_APPLICATION_UNKNOWN",
    });
    expect((await call("operator", "GET", "/api/v1/ledger/entries/999/proof")).json).toMatchObject({ status: 404 });
    expect((await call("alpha", "GET", "/api/v1/assets/alpha:none")).json).toMatchObject({ status: 404 });
    expect((await call("alpha", "GET", "/api/v1/catalogue/alpha:none")).json).toMatchObject({
      status: 404,
      code: "ERR_ASSET_NOT_LISTED",
    });
  });

  test("a missing source file and an unknown policy term register nothing", async () => {
    const missing = await call("alpha", "POST", "/api/v1/assets", { asset: { id: "alpha:table" }, source });
    expect(missing.json).toMatchObject({ status: 400, code: "ERR_CATALOG_INVALID" });
    expect(missing.json.errors).toContainEqual(expect.objectContaining({ code: "path-missing" }));
    expect(missing.json.errors).toContainEqual(expect.objectContaining({ field: "fields", code: "missing" }));
    const body = {
      asset: { id: "alpha:table" },
      source,
      policy: { "@type": "Offer", target: "alpha:table", colour: 1 },
    };
    const policy = await call("alpha", "POST", "/api/v1/assets", body);
    expect(policy.json.errors).toContainEqual(expect.objectContaining({ code: "path-missing" }));
    expect(policy.json.errors).toContainEqual(expect.objectContaining({ field: "policy/colour", code: "unknown-key" }));
    expect((await call("alpha", "GET", "/api/v1/assets")).json).toEqual({ assets: [] });
    const { services } = net.node("alpha");
    expect(await services.ledger.get("asset/alpha:table")).toBeUndefined();
  });

  test("leaves membership to the operator", async () => {
    for (const [path, body] of [
      ["/api/v1/invitations", {}],
      ["/api/v1/members/operator/suspend", { reason: "x" }],
    ] as const) {
      expect((await call("alpha", "POST", path, body)).json).toMatchObject({ code: "ERR_NETWORK_NOT_OPERATOR" });
    }
  });

  test("a suspended member is shut out until it is reinstated", async () => {
    const alpha = net.node("alpha").services;
    const ask = async () => {
      const target = await alpha.members.target("operator");
      const { EntryMessage } = await import("../runtime/assets/catalogue.ts");
      const path = "/peer/v1/catalogue/alpha:none";
      return await alpha.peers.call(target, { method: "GET", path, response: EntryMessage, attempts: 1 });
    };
    expect((await call("operator", "POST", "/api/v1/members/alpha/suspend", { reason: "test" })).status).toBe(200);
    await expect(ask()).rejects.toMatchObject({ answer: { code: "ERR_PEER_UNKNOWN_MEMBER" } });
    expect((await call("operator", "POST", "/api/v1/members/alpha/reinstate", { reason: "test" })).status).toBe(200);
    await expect(ask()).rejects.toMatchObject({ answer: { code: "ERR_HTTP_NOT_FOUND" } });
  });

  test("describes itself as OpenAPI with every route of the node", async () => {
    const { json } = await call("operator", "GET", "/openapi.json");
    expect(Object.keys(json.paths ?? {})).toEqual(
      expect.arrayContaining(["/health", "/api/v1/status", "/api/v1/members", "/api/v1/assets", "/api/v1/trust"]),
    );
  });

  test("shows health and metrics without a token and without private values", async () => {
    const { api } = net.operator.address;
    expect(await (await fetch(`${api}/health`)).json()).toEqual({ status: "ok", reasons: [] });
    const text = await (await fetch(`${api}/metrics`)).text();
    expect(text).toContain("sealane_ledger_height");
    expect(text).not.toContain("alpha");
  });
});

test("a caller in a hurry is told to slow down", async () => {
  const own = await createTestnet({ members: [{ id: "solo", kind: "industry" }] });
  const file = join(own.dir, "solo", "sealane.json");
  const config = JSON.parse(await readFile(file, "utf8"));
  await writeFile(file, JSON.stringify({ ...config, limits: { apiRequestsPerMinute: 2, minimumFreeDiskMiB: 1 } }));
  await own.operator.reload();
  const answers = await Promise.all([1, 2, 3].map(() => fetch(`${own.operator.address.api}/health`)));
  const refused = answers.find(({ status }) => status === 429);
  expect(await refused?.json()).toMatchObject({ status: 429, code: "ERR_HTTP_RATE_LIMIT" });
  await own.close();
});

test("guesses at the token are slowed down, do not fill the log, and do not lock the operator out", async () => {
  const own = await createTestnet({ members: [{ id: "solo", kind: "industry" }] });
  const file = join(own.dir, "solo", "sealane.json");
  const config = JSON.parse(await readFile(file, "utf8"));
  await writeFile(file, JSON.stringify({ ...config, limits: { apiRequestsPerMinute: 5, minimumFreeDiskMiB: 1 } }));
  await own.operator.reload();
  const { address, token, services } = own.operator;
  const before = services.accessLog.size();
  const ask = async (bearer: string) =>
    (await fetch(`${address.api}/api/v1/status`, { headers: { authorization: `Bearer ${bearer}` } })).status;
  const statuses = [];
  for (let guess = 0; guess < 9; guess++) statuses.push(await ask(`guess-${guess}`));
  expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429, 429]);
  expect(services.accessLog.size() - before).toBe(5);
  expect(await ask(token)).toBe(200);
  await own.close();
});

test("when the access log stops, calls fail closed", async () => {
  const own = await createTestnet({ members: [{ id: "solo", kind: "industry" }] });
  const { address, token, services } = own.operator;
  await services.accessLog.close();
  const answer = await fetch(`${address.api}/api/v1/members`, { headers: { authorization: `Bearer ${token}` } });
  expect(await answer.json()).toMatchObject({ status: 503, code: "ERR_HTTP_AUDIT_STOPPED" });
  expect((await fetch(`${address.api}/health`)).status).toBe(503);
  await own.close();
});
