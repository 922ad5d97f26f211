import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { LedgerError } from "../port.ts";
import { failureOf, invalidOf, type Stage } from "./failures.ts";

interface Recorded {
  readonly what: string;
  readonly stage: Stage;
  readonly error: object;
}

/** What fabric-gateway threw in front of peers of these lines: nodes/fabric/_record-failures.ts. */
const recorded = ["2.5", "3.1"].flatMap((line) => {
  const file = new URL(`fixtures/recorded-failures-${line}.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as readonly Recorded[]).map((one) => ({ ...one, line }));
});

/** By `what`: kind, code and what the message must say. */
const MEANT: Readonly<Record<string, readonly [kind: string, code: string, says: RegExp]>> = {
  "wrong channel evaluate": ["wait", "PROFILE", /no such channel there: .*channel \[elsewhere\]/],
  "wrong channel blocks": ["wait", "PROFILE", /no such channel there/],
  "wrong channel endorse": ["wait", "PROFILE", /no such chaincode on the channel: .*in channel elsewhere/],
  "absent chaincode evaluate": ["wait", "PROFILE", /no such chaincode on the channel: .*namespace nothing/],
  "absent chaincode endorse": ["wait", "PROFILE", /no such chaincode on the channel: .*chaincode nothing/],
  "absent chaincode asked": ["wait", "UNREACHABLE", /no peers available to evaluate chaincode nothing/],
  caller: ["wait", "PROFILE", /ERR_FABRIC_CALLER: caller: this client of Org1MSP/],
  code: ["wait", "PROFILE", /ERR_FABRIC_CODE: code: this chaincode is/],
  "foreign msp": [
    "wait",
    "PROFILE",
    /does not accept this client: .*Org1MSP at 127.0.0.1:7051: .*creator is malformed/,
  ],
  "foreign msp blocks": ["wait", "PROFILE", /does not accept this client/],
  "chaincodes of two down": ["wait", "NO_QUORUM", /too few organisations endorse: .*Org[23]MSP at 127.0.0.1:7051/],
  "peers of two down": ["wait", "NO_QUORUM", /too few organisations endorse/],
  "too large": ["less", "UNREACHABLE", /too large for the ordering service: .*exceeds maximum allowed/],
  "orderer down": ["unknown", "UNREACHABLE", /submit at here: .*may be ordered all the same/],
  "status unknown": ["unknown", "UNREACHABLE", /may be ordered all the same/],
  "gateway down": ["wait", "UNREACHABLE", /endorse at here: .*ECONNRE(?:FUSED|SET)/],
  "gateway down blocks": ["wait", "UNREACHABLE", /blocks at here: .*ECONNREFUSED/],
  "results differ": ["again", "NO_QUORUM", /give different results/],
  "expired certificate": ["wait", "PROFILE", /the client certificate has expired/],
};

describe("what a Gateway failed with is said in the words of the ledger", () => {
  test("every recorded failure has a meaning here", () => {
    expect([...new Set(recorded.map(({ what }) => what))].sort()).toEqual(Object.keys(MEANT).sort());
  });

  test.each(recorded)("$what of Fabric $line", ({ what, stage, error: thrown }) => {
    const [kind, code, says] = MEANT[what]!;
    const failure = failureOf(thrown, stage, "here");
    expect(failure).toMatchObject({ kind, error: { code: `ERR_LEDGER_${code}`, cause: thrown } });
    expect(failure.error.message).toMatch(says);
  });
});

test("a status that is not known is unknown whatever the words are; a clock is waited for", () => {
  const lost = { name: "CommitStatusError", code: 4, message: "4 DEADLINE_EXCEEDED: Deadline exceeded", details: [] };
  expect(failureOf(lost, "commit status", "here")).toMatchObject({ kind: "unknown" });
  expect(failureOf(new Error("access denied"), "submit", "here")).toMatchObject({ kind: "unknown" });
  const clock = {
    name: "EndorseError",
    code: 10,
    message: "10 ABORTED: failed to endorse transaction",
    details: [{ message: "chaincode response 400, ERR_FABRIC_CLOCK: timestamp" }],
  };
  expect(failureOf(clock, "endorse", "here")).toMatchObject({
    kind: "wait",
    error: { code: "ERR_LEDGER_UNREACHABLE" },
  });
  const own = new LedgerError("ERR_LEDGER_FORK", "ours");
  expect(failureOf(own, "blocks", "here").error).toBe(own);
});

test.each([
  ["BAD_REQUEST, info=message payload is 9 bytes and exceeds maximum allowed 8 bytes", "less", "UNREACHABLE"],
  ["REQUEST_ENTITY_TOO_LARGE, info=", "less", "UNREACHABLE"],
  ["FORBIDDEN, info=implicit policy evaluation failed", "wait", "PROFILE"],
  ["NOT_FOUND, info=channel does not exist", "wait", "PROFILE"],
  ["BAD_REQUEST, info=malformed", "wait", "PROFILE"],
  ["SERVICE_UNAVAILABLE, info=no Raft leader", "unknown", "UNREACHABLE"],
])("what the ordering service itself refused was not ordered: %s", (said, kind, code) => {
  const message = `10 ABORTED: received unsuccessful response from orderer: status=${said}`;
  const failure = failureOf({ name: "SubmitError", code: 10, message, details: [] }, "submit", "here");
  expect(failure).toMatchObject({ kind, error: { code: `ERR_LEDGER_${code}` } });
});

test.each([
  [11, "MVCC_READ_CONFLICT", "again"],
  [12, "PHANTOM_READ_CONFLICT", "again"],
  [9, "DUPLICATE_TXID", "unknown"],
  [10, "ENDORSEMENT_POLICY_FAILURE", "wait"],
  [4, "BAD_CREATOR_SIGNATURE", "wait"],
])("a transaction found invalid with %i %s", (code, name, kind) => {
  const failure = invalidOf(code, name, "id");
  expect(failure.kind).toBe(kind);
  expect(failure.error.message).toContain(`${name} (${code})`);
});
