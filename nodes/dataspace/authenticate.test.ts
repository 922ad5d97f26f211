import { beforeEach, expect, test } from "vitest";
import { signingIdentity } from "../../crypto/suites/signed.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import { createAuthenticate } from "./authenticate.ts";
import { participantToken } from "./participant-token.ts";

const identity = signingIdentity("alpha", "intl", new Uint8Array(32).fill(7));
const NOON = Date.parse("2026-11-22T12:00:00.000Z");
const at = (seconds: number) => new Date(NOON + seconds * 1000).toISOString();
const call = { method: "POST", target: "/dsp/2025-1/negotiations/request" };
const body = new Uint8Array();

let clock = 0;
let nonce = 0;
let ahead = memoryRecords();
beforeEach(() => {
  clock = 0;
  ahead = memoryRecords();
});

/** This node since now. */
const started = () => {
  const authenticate = createAuthenticate({
    publicKey: async (member, key) => (member === "alpha" && key === identity.key ? identity.publicKey : undefined),
    audience: "beta",
    now: () => at(clock),
    ahead,
  });
  return async (authorization: string, about = call) => (await authenticate({ authorization, ...about }))?.id;
};
/** A token that its maker dates so many seconds after noon. */
const dated = (seconds: number) => {
  nonce += 1;
  const random = (bytes: number) => new Uint8Array(bytes).fill(nonce);
  return participantToken(identity, { ...call, audience: "beta", body }, { now: () => at(seconds), random });
};

test("a token is good once", async () => {
  const known = started();
  const token = dated(0);
  expect([await known(token), await known(token), await known(dated(0))]).toEqual(["alpha", undefined, "alpha"]);
});

test("one that was shown for something else is still good for its own call", async () => {
  const known = started();
  const token = dated(0);
  expect(await known(token, { ...call, method: "GET" })).toBeUndefined();
  expect(await known(token)).toBe("alpha");
});

test.each([
  [300, "alpha"],
  [301, undefined],
  [-299, undefined],
])("with a clock %i s ahead of this node's, at its start, it is of %s", async (seconds, who) => {
  expect(await started()(dated(seconds))).toBe(who);
});

test.each([
  [0, "alpha"],
  [300, "alpha"],
  [301, undefined],
])("%i s after it was made, clocks being equal, it is of %s", async (seconds, who) => {
  const known = started();
  const token = dated(0);
  clock = seconds;
  expect(await known(token)).toBe(who);
});

test("what was shown before a start is not good after it, whatever its maker's clock says", async () => {
  const before = started();
  const [usual, fromTheFuture] = [dated(0), dated(200)];
  expect([await before(usual), await before(fromTheFuture)]).toEqual(["alpha", "alpha"]);
  clock = 10;
  const after = started();
  expect([await after(usual), await after(fromTheFuture), await after(dated(10))]).toEqual([
    undefined,
    undefined,
    "alpha",
  ]);
});
