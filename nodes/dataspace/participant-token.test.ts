import { createPrivateKey } from "node:crypto";
import { SignJWT } from "jose";
import { describe, expect, test } from "vitest";
import { toBase64url, utf8 } from "../../crypto/suites/encoding.ts";
import { signingIdentity } from "../../crypto/suites/signed.ts";
import { suiteOf } from "../../crypto/suites/suite.ts";
import { participantToken, readParticipantToken, type TokenCheck } from "./participant-token.ts";

const identity = signingIdentity("alpha", "intl", new Uint8Array(32).fill(7));
const NOW = "2026-11-22T12:00:00.000Z";
const effects = { now: () => NOW, random: (bytes: number) => new Uint8Array(bytes).fill(1) };
const call = { method: "POST", target: "/dsp/2025-1/negotiations/request" };
const body = new TextEncoder().encode("{}");
const check: TokenCheck = {
  publicKey: async (member, key) => (member === "alpha" && key === identity.key ? identity.publicKey : undefined),
  audience: "beta",
  now: effects.now,
};
const token = participantToken(identity, { ...call, audience: "beta", body }, effects);

test("a token names its maker and the body it was made for", async () => {
  expect(await readParticipantToken(token, call, check)).toMatchObject({ member: "alpha", time: NOW });
});

describe("a token is nothing", () => {
  const [head, claims, signature] = token.slice("Bearer ".length).split(".");
  const wrong: Readonly<Record<string, readonly [string | undefined, Partial<typeof call>, Partial<TokenCheck>]>> = {
    "where there is none": [undefined, {}, {}],
    "under another scheme": [token.replace("Bearer", "Basic"), {}, {}],
    "for another audience": [token, {}, { audience: "gamma" }],
    "for another method": [token, { method: "GET" }, {}],
    "for another path": [token, { target: "/dsp/2025-1/transfers/request" }, {}],
    "after it has expired": [token, {}, { now: () => "2026-11-22T12:05:01.000Z" }],
    "long before it was made": [token, {}, { now: () => "2026-11-22T11:54:59.000Z" }],
    "under a key that the ledger does not name": [token, {}, { publicKey: async () => undefined }],
    "with another signature": [`Bearer ${head}.${claims}.${"A".repeat(86)}`, {}, {}],
    "with claims that were not signed": [`Bearer ${head}.${head}.${signature}`, {}, {}],
    "longer than any token is": [`Bearer ${"a".repeat(5000)}`, {}, {}],
  };
  test.each(Object.entries(wrong))("%s", async (_name, [authorization, otherCall, otherCheck]) => {
    const result = await readParticipantToken(authorization, { ...call, ...otherCall }, { ...check, ...otherCheck });
    expect(result).toBeUndefined();
  });
});

test("a general JOSE library makes the same token, and one that is good for an hour is refused", async () => {
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.alloc(32, 7)]);
  const key = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  const made = async (life: number) => {
    const iat = Math.floor(Date.parse(NOW) / 1000);
    const claims = { iss: "alpha", aud: "beta", iat, exp: iat + life, jti: "A".repeat(22) };
    const about = { htm: call.method, htu: call.target, "sealane:digest": "A".repeat(43) };
    const header = { alg: "EdDSA", typ: "sealane-participant+jwt", kid: identity.key };
    return `Bearer ${await new SignJWT({ ...claims, ...about }).setProtectedHeader(header).sign(key)}`;
  };
  expect(await readParticipantToken(await made(60), call, check)).toMatchObject({ member: "alpha" });
  expect(await readParticipantToken(await made(3600), call, check)).toBeUndefined();
});

test("a key of suite gm signs with its own algorithm, and no key under another's name", async () => {
  const gm = signingIdentity("alpha", "gm", new Uint8Array(32).fill(7));
  const made = participantToken(gm, { ...call, audience: "beta", body }, effects);
  const known = { ...check, publicKey: async () => gm.publicKey };
  expect(await readParticipantToken(made, call, known)).toMatchObject({ member: "alpha" });
  expect(await readParticipantToken(made, call, check)).toBeUndefined();
  const [head = "", claims, signature] = made.slice("Bearer ".length).split(".");
  const header = { ...JSON.parse(Buffer.from(head, "base64url").toString("utf8")), alg: "EdDSA" };
  const renamed = Buffer.from(JSON.stringify(header)).toString("base64url");
  expect(await readParticipantToken(`Bearer ${renamed}.${claims}.${signature}`, call, known)).toBeUndefined();
  const resigned = toBase64url(suiteOf("gm").sign(gm.privateKey, utf8(`${renamed}.${claims}`)));
  expect(await readParticipantToken(`Bearer ${renamed}.${claims}.${resigned}`, call, known)).toBeUndefined();
});
