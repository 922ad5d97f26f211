import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { signingIdentity } from "../../crypto/suites/signed.ts";
import { signCompact } from "../dataspace/compact-jws.ts";
import { participantToken } from "../dataspace/participant-token.ts";
import { dataToken, readDataToken, TOKEN_LIFE_MS } from "./data-token.ts";

const provider = signingIdentity("alpha", "intl", randomBytes(32));
const rotated = signingIdentity("alpha", "intl", randomBytes(32));
const stranger = signingIdentity("mallory", "intl", randomBytes(32));
const GRANT = { transfer: "t-1", agreement: "urn:uuid:a", holder: "beta" };
const ENDPOINT = "https://alpha.example/dsp/2025-1/data/t-1";
let time = Date.parse("2026-11-22T09:00:00Z");
const effects = { now: () => new Date(time).toISOString(), random: (n: number) => new Uint8Array(randomBytes(n)) };
const given = () => dataToken(provider, ENDPOINT, GRANT, effects).token;
const read = (token: string, endpoint = ENDPOINT, identity = provider) =>
  readDataToken(token, { endpoint, identity, now: effects.now });

test("a token opens the endpoint it was given for, for whom it was given", async () => {
  expect(await read(given())).toEqual({ kind: "good", grant: GRANT });
});

describe("a token opens nothing", () => {
  test("at another endpoint, another transfer's included", async () => {
    expect(await read(given(), "https://alpha.example/dsp/2025-1/data/t-2")).toBeUndefined();
    expect(await read(given(), "https://alpha.example/dsp/2025-1/inbox/t-1")).toBeUndefined();
    expect(await read(given(), "https://gamma.example/dsp/2025-1/data/t-1")).toBeUndefined();
  });
  test("after its minutes, and says that they are over only to whom had it", async () => {
    const token = given();
    time += TOKEN_LIFE_MS;
    expect(await read(token)).toEqual({ kind: "expired" });
    expect(await read(token, "https://alpha.example/dsp/2025-1/data/t-2")).toBeUndefined();
    time -= 1;
    expect(await read(token)).toMatchObject({ kind: "good" });
  });
  test("under a key that its issuer does not have any more, or never had", async () => {
    expect(await read(given(), ENDPOINT, rotated)).toBeUndefined();
    expect(await read(dataToken(stranger, ENDPOINT, GRANT, effects).token)).toBeUndefined();
  });
  test("when it is a token of another kind, or was changed", async () => {
    const call = { audience: "alpha", method: "GET", target: "/", body: new Uint8Array() };
    expect(await read(participantToken(provider, call, effects).slice("Bearer ".length))).toBeUndefined();
    const [head, claims, signature] = given().split(".");
    const changed = JSON.parse(Buffer.from(claims!, "base64url").toString()) as Record<string, unknown>;
    const forged = Buffer.from(JSON.stringify({ ...changed, sub: "mallory" })).toString("base64url");
    expect(await read(`${head}.${forged}.${signature}`)).toBeUndefined();
    expect(await read(signCompact(provider, "sealane-data+jwt", { ...changed, more: 1 }))).toBeUndefined();
    expect(await read("no token")).toBeUndefined();
  });
});
