import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { request as httpsRequest } from "node:https";
import { connect } from "node:tls";
import { CompactSign, compactVerify, importJWK } from "jose";
import { Type } from "typebox";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { signingIdentity } from "../../crypto/suites/signed.ts";
import { systemEffects } from "../runtime/effects.ts";
import type { RunningNode } from "../runtime/node.ts";
import { createTestnet, type Testnet } from "../testnet/testnet.ts";
import { memoryRecords } from "./_memory-records.ts";
import { createPeerClient } from "./client.ts";
import type { PeerTarget } from "./member-directory.ts";
import { createReplayCache } from "./replay-cache.ts";
import { MAX_CLOCK_SKEW_MS, SIGNATURE_HEADER, signPeerRequest, verifyPeerSignature } from "./request-signature.ts";

const PATH = "/peer/v1/ledger/consistency?from=1&to=1";

let net: Testnet;
let operator: RunningNode;
let ministry: RunningNode;
let target: PeerTarget;

beforeAll(async () => {
  net = await createTestnet({
    members: [
      { id: "operator", kind: "industry" },
      { id: "ministry", kind: "government" },
    ],
  });
  operator = net.node("operator");
  ministry = net.node("ministry");
  target = await ministry.services.members.target("operator");
});
afterAll(() => net.close());

interface Sent {
  readonly signature?: string;
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
}

/** A hand-made request, as a hostile client would send it. */
function send({
  signature,
  method = "GET",
  path = PATH,
  body,
}: Sent): Promise<{ status: number; code: string; detail: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(signature === undefined ? {} : { [SIGNATURE_HEADER]: signature }),
      ...(body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
    };
    const outgoing = httpsRequest(
      `${target.endpoint}${path}`,
      { method, headers, rejectUnauthorized: false },
      (answer) => {
        let text = "";
        answer.on("data", (part) => {
          text += part;
        });
        answer.on("end", () => {
          const { code = "", detail = "" } = JSON.parse(text);
          resolve({ status: answer.statusCode ?? 0, code, detail });
        });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

function sign(change: Partial<Parameters<typeof signPeerRequest>[1]> & { now?: () => string; as?: RunningNode } = {}) {
  const { now = systemEffects.now, as = ministry, ...request } = change;
  return signPeerRequest(
    as.services.identity,
    { network: net.network, to: "operator", method: "GET", target: PATH, body: new Uint8Array(), ...request },
    { now, random: systemEffects.random },
  );
}

describe("a peer request", () => {
  test("of a member reaches its route", async () => {
    expect((await send({ signature: sign() })).status).toBe(200);
  });

  test("without signature is refused", async () => {
    expect(await send({})).toMatchObject({ status: 401, code: "ERR_PEER_UNSIGNED" });
  });

  test("seen before is refused", async () => {
    const signature = sign();
    expect((await send({ signature })).status).toBe(200);
    expect(await send({ signature })).toMatchObject({ status: 401, code: "ERR_PEER_REPLAY" });
  });

  test.each([-1, 1])("more than five minutes off (%i) is refused with both times", async (direction) => {
    const time = new Date(Date.now() + direction * (MAX_CLOCK_SKEW_MS + 1_000)).toISOString();
    const answer = await send({ signature: sign({ now: () => time }) });
    expect(answer).toMatchObject({ status: 401, code: "ERR_PEER_CLOCK_SKEW" });
    expect(answer.detail).toContain(time);
    expect(answer.detail).toMatch(/our time \d{4}-/);
  });

  test("signed before this node started is refused, because its replay cache begins empty", async () => {
    const time = new Date(Date.now() - MAX_CLOCK_SKEW_MS + 30_000).toISOString();
    expect(await send({ signature: sign({ now: () => time }) })).toMatchObject({ code: "ERR_PEER_REPLAY" });
  });

  test.each([
    ["another audience", { to: "ministry" }, "ERR_PEER_AUDIENCE"],
    ["another network", { network: "elsewhere" }, "ERR_PEER_AUDIENCE"],
    ["another target", { target: "/peer/v1/ledger/consistency?from=0&to=1" }, "ERR_PEER_SIGNATURE"],
    ["another method", { method: "POST" }, "ERR_PEER_SIGNATURE"],
  ])("signed for %s is refused", async (_name, change, code) => {
    expect(await send({ signature: sign(change) })).toMatchObject({ status: 401, code });
  });

  test("with another body than the signed one is refused", async () => {
    const path = "/peer/v1/ledger/presence";
    const signature = sign({ method: "POST", target: path, body: Buffer.from('{"checkpoint":"a"}') });
    const answer = await send({ signature, method: "POST", path, body: "{}" });
    expect(answer).toMatchObject({ status: 401, code: "ERR_PEER_SIGNATURE" });
  });

  test("of an unknown member or under an unknown key is refused", async () => {
    for (const name of ["stranger", "ministry"]) {
      const identity = signingIdentity(name, "intl", randomBytes(32));
      const request = { network: net.network, to: "operator", method: "GET", target: PATH, body: new Uint8Array() };
      const answer = await send({ signature: signPeerRequest(identity, request, systemEffects) });
      expect(answer).toMatchObject({ status: 403, code: "ERR_PEER_UNKNOWN_MEMBER" });
    }
  });

  test.each(["a.b.c", "x", `${"a".repeat(5_000)}`, "eyJhbGciOiJub25lIn0.e30."])(
    "with the signature %.20s is refused",
    async (signature) => {
      expect(await send({ signature })).toMatchObject({ status: 401, code: "ERR_PEER_SIGNATURE" });
    },
  );

  test("that is larger than the limit is refused, whatever it announces", async () => {
    const path = "/peer/v1/ledger/presence";
    const body = JSON.stringify({ checkpoint: "x".repeat(operator.services.config().limits.peerBodyBytes) });
    const signature = sign({ method: "POST", target: path, body: Buffer.from(body) });
    expect(await send({ signature, method: "POST", path, body })).toMatchObject({
      status: 413,
      code: "ERR_HTTP_TOO_LARGE",
    });
  });

  test("of the wrong shape is answered with every field", async () => {
    const path = "/peer/v1/ledger/consistency?from=x";
    const answer = await send({ signature: sign({ target: path }), path });
    expect(answer).toMatchObject({ status: 400, code: "ERR_HTTP_INVALID" });
    expect(answer.detail).toContain("querystring.from");
    expect(answer.detail).toContain("querystring.to");
  });
});

test("a node and another of this build agree by X25519 and ML-KEM-768 together", async () => {
  const { hostname, port } = new URL(target.endpoint);
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
  await once(socket, "secureConnect");
  expect(socket.getProtocol()).toBe("TLSv1.3");
  expect(socket.getEphemeralKeyInfo()).toMatchObject({ name: "X25519MLKEM768" });
  socket.destroy();
});

describe("the peer client", () => {
  const call = { method: "GET", path: PATH, response: Type.Unknown(), attempts: 1 } as const;
  const client = () =>
    createPeerClient({ ...systemEffects, identity: () => ministry.services.identity, network: net.network });

  test("talks only to the TLS key that the ledger names", async () => {
    const peers = client();
    const other = await ministry.services.members.target("ministry");
    await expect(peers.call({ ...target, tls: other.tls }, call)).rejects.toMatchObject({
      code: "ERR_PEER_TLS_IDENTITY",
    });
    await expect(peers.call(target, call)).resolves.toEqual({ proof: [] });
    await peers.close();
  });

  test("refuses an answer that is too large or not what was expected", async () => {
    const peers = client();
    await expect(peers.call(target, { ...call, maxBytes: 3 })).rejects.toMatchObject({ code: "ERR_PEER_TOO_LARGE" });
    const wrong = { ...call, response: Type.Object({ other: Type.String() }) };
    await expect(peers.call(target, wrong)).rejects.toMatchObject({ code: "ERR_PEER_PROTOCOL" });
    await peers.close();
  });

  test("names an unreachable member, a late answer and a refusal", async () => {
    const peers = client();
    const nowhere = { ...target, endpoint: "https://127.0.0.1:9" };
    await expect(peers.call(nowhere, call)).rejects.toMatchObject({ code: "ERR_PEER_UNREACHABLE" });
    const { height } = await operator.services.ledger.status();
    const poll = { ...call, path: `/peer/v1/ledger/batches?from=${height}&limit=1&waitMs=5000`, timeoutMs: 200 };
    await expect(peers.call(target, poll)).rejects.toMatchObject({ code: "ERR_PEER_TIMEOUT" });
    const missing = { ...call, path: "/peer/v1/nothing" };
    await expect(peers.call(target, missing)).rejects.toMatchObject({
      code: "ERR_PEER_REFUSED",
      answer: { status: 404, code: "ERR_HTTP_NOT_FOUND" },
    });
    await peers.close();
  });
});

test("a full replay cache refuses instead of forgetting", async () => {
  const cache = createReplayCache({ now: () => "2026-01-01T00:00:00.000Z", ahead: memoryRecords(), maxNonces: 1 });
  const claims = { from: "alpha", time: "2026-01-01T00:00:00.000Z" };
  await cache.admit({ ...claims, nonce: "a" });
  await expect(cache.admit({ ...claims, nonce: "b" })).rejects.toMatchObject({ code: "ERR_PEER_BUSY" });
});

test("one member cannot use up the replay cache of the others", async () => {
  const now = () => "2026-01-01T00:00:00.000Z";
  const cache = createReplayCache({ now, ahead: memoryRecords(), maxNoncesPerMember: 2 });
  const time = "2026-01-01T00:00:00.000Z";
  for (const nonce of ["a", "b"]) await cache.admit({ from: "alpha", time, nonce });
  await expect(cache.admit({ from: "alpha", time, nonce: "c" })).rejects.toMatchObject({ code: "ERR_PEER_BUSY" });
  await cache.admit({ from: "beta", time, nonce: "a" });
});

test("a nonce is remembered for as long as its request is timely", async () => {
  let now = Date.parse("2026-01-01T00:00:00.000Z");
  const instant = (ms: number) => new Date(ms).toISOString();
  const cache = createReplayCache({ now: () => instant(now), ahead: memoryRecords() });
  for (let step = 0; step < 40; step++) {
    const time = instant(now + MAX_CLOCK_SKEW_MS);
    const claims = { from: "alpha", nonce: String(step), time };
    await cache.admit(claims);
    now += 2 * MAX_CLOCK_SKEW_MS;
    await expect(cache.admit(claims)).rejects.toMatchObject({ code: "ERR_PEER_REPLAY" });
    now += 60_000;
  }
});

test("no request is taken twice, before and after a restart, whatever the caller's clock says", async () => {
  let now = Date.parse("2026-01-01T00:00:00.000Z");
  const instant = (ms: number) => new Date(ms).toISOString();
  const ahead = memoryRecords();
  const start = () => createReplayCache({ now: () => instant(now), ahead });
  const cache = start();
  const offsets = [-MAX_CLOCK_SKEW_MS, -1, 0, 1, 1_000, MAX_CLOCK_SKEW_MS];
  now += MAX_CLOCK_SKEW_MS;
  const claims = offsets.map((offset, at) => ({ from: "alpha", nonce: String(at), time: instant(now + offset) }));
  for (const one of claims) await cache.admit(one);
  now += 1;
  const restarted = start();
  for (const one of claims) await expect(restarted.admit(one)).rejects.toMatchObject({ code: "ERR_PEER_REPLAY" });
  await restarted.admit({ from: "alpha", nonce: "new", time: instant(now) });
});

test("a signature says who asked whom for what", async () => {
  const identity = signingIdentity("alpha", "intl", randomBytes(32));
  const request = { network: "n", to: "beta", method: "POST", target: "/x?y=1", body: Buffer.from("{}") };
  const header = signPeerRequest(identity, request, systemEffects);
  const claims = await verifyPeerSignature(header, {
    network: "n",
    audience: "beta",
    now: systemEffects.now,
    publicKey: async (member, key) => (member === "alpha" && key === identity.key ? identity.publicKey : undefined),
  });
  expect(claims).toMatchObject({ from: "alpha", to: "beta", method: "POST", target: "/x?y=1", network: "n" });
});

describe("signatures are compact JWS: an independent implementation", () => {
  const identity = signingIdentity("alpha", "intl", randomBytes(32));
  const request = { network: "n", to: "beta", method: "GET", target: "/x", body: new Uint8Array() };
  const check = {
    network: "n",
    audience: "beta",
    now: systemEffects.now,
    publicKey: async () => identity.publicKey,
  };
  const jwk = { kty: "OKP", crv: "Ed25519", x: Buffer.from(identity.publicKey).toString("base64url") };

  test("verifies what this one signs", async () => {
    const { payload, protectedHeader } = await compactVerify(
      signPeerRequest(identity, request, systemEffects),
      await importJWK(jwk, "EdDSA"),
    );
    expect(protectedHeader).toEqual({ alg: "EdDSA", typ: "sealane-peer+jws", kid: identity.key });
    expect(JSON.parse(Buffer.from(payload).toString("utf8"))).toMatchObject({ from: "alpha", target: "/x" });
  });

  test.each([
    ["is verified", {}, undefined],
    ["with a critical header is not understood", { b64: true, crit: ["b64"] }, "ERR_PEER_SIGNATURE"],
    ["of another type is refused", { typ: "other" }, "ERR_PEER_SIGNATURE"],
  ])("that signs %s", async (_name, extra, code) => {
    const [, payload = ""] = signPeerRequest(identity, request, systemEffects).split(".");
    const d = Buffer.from(identity.privateKey).toString("base64url");
    const header = await new CompactSign(Buffer.from(payload, "base64url"))
      .setProtectedHeader({ alg: "EdDSA", typ: "sealane-peer+jws", kid: identity.key, ...extra })
      .sign(await importJWK({ ...jwk, d }, "EdDSA"));
    const verified = verifyPeerSignature(header, check);
    if (code === undefined) expect(await verified).toMatchObject({ from: "alpha", target: "/x" });
    else await expect(verified).rejects.toMatchObject({ code });
  });

  test.each(["", "..", "a.b", "a.b.c.d", "e30.e30.", "bnVsbA.bnVsbA.AA"])("%j is refused", async (header) => {
    await expect(verifyPeerSignature(header, check)).rejects.toMatchObject({
      code: header === "" ? "ERR_PEER_UNSIGNED" : "ERR_PEER_SIGNATURE",
    });
  });
});
