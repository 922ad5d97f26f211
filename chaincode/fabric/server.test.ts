import { peer } from "@hyperledger/fabric-protos";
import { afterEach, describe, expect, test } from "vitest";
import { canonicalJson, digestOf, isCanonicalText } from "../../crypto/suites/digest.ts";
import {
  admission,
  anchor,
  founding,
  type TestMember,
  testMember,
  transaction,
} from "../../ledger/conformance/fixture.ts";
import { createSignatureQueue } from "../../ledger/contract.ts";
import type { SignedTransaction } from "../../ledger/port.ts";
import { keys } from "../rules/keys.ts";
import { testClient } from "./_client.ts";
import { connectPeer, type PeerDouble } from "./_peer.ts";
import { createContract } from "./contract.ts";
import { MAX_SKEW_MS, type SubmitOutcome } from "./messages.ts";
import { type ChaincodeServer, startChaincode } from "./server.ts";

const NOW = Date.parse("2026-11-22T12:00:00.123Z");
const CODE = digestOf("code");
const [first, other, ofPeer] = await Promise.all([
  testClient("Org1MSP", "client", "first"),
  testClient("Org2MSP", "client", "second"),
  testClient("Org1MSP", "peer", "peer"),
]);
const clients = { first: first.identity, second: other.identity, peer: ofPeer.identity };
const founder = testMember("operator", { kind: "industry", fabric: first.bound });
const second = testMember("second", { fabric: other.bound });

let server: ChaincodeServer | undefined;
let double: PeerDouble;
afterEach(() => {
  double?.close();
  server?.close();
});

async function started(batches: boolean): Promise<void> {
  const contract = createContract({
    signatures: createSignatureQueue,
    isCanonical: isCanonicalText,
    code: CODE,
    now: () => NOW,
  });
  server = await startChaincode(contract, { packageId: "sealane:0", address: "localhost:0" });
  double = await connectPeer(server.port, { batches });
}

const submitted = (
  member: TestMember | string,
  transactions: readonly (SignedTransaction | string)[],
  { as = clients.first, code = CODE, at = NOW } = {},
) => {
  const call = JSON.stringify({ member: typeof member === "string" ? member : member.id, code });
  const texts = transactions.map((one) => (typeof one === "string" ? one : canonicalJson(one)));
  return double.call(["submit", call, ...texts], as, at);
};

async function recorded(...args: Parameters<typeof submitted>): Promise<readonly SubmitOutcome[]> {
  const called = await submitted(...args);
  expect(called.message).toBe("");
  double.commit(called);
  return JSON.parse(Buffer.from(called.payload).toString()) as SubmitOutcome[];
}

describe.each([
  ["asks key by key", false],
  ["reads and writes in batches", true],
])("a chaincode server whose peer %s", (_title, batches) => {
  test("records a batch in order; what is refused carries the rule's code and leaves the others in place", async () => {
    await started(batches);
    const all = [founding(founder), anchor(founder, 0), anchor(founder, 7), anchor(founder, 1), anchor(founder, 0)];
    expect(await recorded(founder, [...all, "no json"])).toEqual([
      { ok: true },
      { ok: true },
      // No words: peers whose words differ would not endorse alike.
      { ok: false, code: "ERR_CONTRACT_RANGE", field: "from" },
      { ok: true },
      { ok: true, repeats: true },
      { ok: false, code: "ERR_CONTRACT_SCHEMA" },
    ]);
    expect(JSON.parse(double.state.get(keys.access(founder.id)) ?? "")).toMatchObject({ to: 2 });
    expect(await recorded(founder, [anchor(founder, 1), anchor(founder, 2)])).toEqual([
      { ok: true, repeats: true },
      { ok: true },
    ]);
    expect(double.asked.has(peer.ChaincodeMessage.Type.WRITE_BATCH_STATE)).toBe(batches);
    expect(double.asked.has(peer.ChaincodeMessage.Type.PUT_STATE)).toBe(!batches);
  });

  test("state has no position, the transaction's time, and what a range over several pages needs", async () => {
    await started(batches);
    const members = ["a", "b", "c", "d"].map((id) => testMember(id));
    await recorded(founder, [founding(founder), ...members.map((one) => admission(founder, one))], { at: NOW - 5 });
    const proposal = { kind: "expel-member" as const, member: "d" };
    const vote = (one: TestMember) => transaction(one, "vote.cast", { proposal, choice: "for" });
    expect(await recorded(founder, [vote(members[0]!), vote(members[1]!)])).toEqual([{ ok: true }, { ok: true }]);
    expect(JSON.parse(double.state.get(keys.member("d")) ?? "")).toMatchObject({ status: "active" });
    expect(await recorded(founder, [vote(founder)])).toEqual([{ ok: true }]);
    const expelled = JSON.parse(double.state.get(keys.member("d")) ?? "");
    expect(expelled).toMatchObject({ status: "expelled", changed: { position: 0, time: "2026-11-22T12:00:00.123Z" } });
    expect(expelled.admitted.time).toBe("2026-11-22T12:00:00.118Z");
  });
});

test("what a call has written is in its own ranges", async () => {
  await started(true);
  const [a, b] = [testMember("a"), testMember("b")];
  const body = { proposal: { kind: "expel-member" as const, member: "b" }, choice: "for" as const };
  const votes = [founder, a].map((one) => transaction(one, "vote.cast", body));
  await recorded(founder, [founding(founder), admission(founder, a), admission(founder, b), ...votes]);
  expect(JSON.parse(double.state.get(keys.member("b")) ?? "")).toMatchObject({ status: "expelled" });
});

test("peers with and without batches write the same", async () => {
  const writes: unknown[] = [];
  for (const batches of [false, true]) {
    await started(batches);
    const called = await submitted(founder, [founding(founder), admission(founder, second), anchor(second, 0)]);
    writes.push([...called.writes], Buffer.from(called.payload).toString());
    double.close();
    server?.close();
  }
  expect(writes.slice(0, 2)).toEqual(writes.slice(2));
});

test("a caller is the bound client of an active member, and of role client", async () => {
  await started(true);
  const refused = async (...args: Parameters<typeof submitted>) => {
    const { status, message, writes } = await submitted(...args);
    expect({ status, writes: writes.size }).toEqual({ status: 400, writes: 0 });
    return message;
  };
  const unbound = testMember("unbound", { kind: "industry" });
  expect(await refused(unbound, [founding(unbound)])).toMatch(/^ERR_FABRIC_CALLER: /);
  expect(await refused(founder, [founding(founder)], { as: clients.second })).toMatch(/^ERR_FABRIC_CALLER: /);
  expect(await refused(founder, [founding(founder)], { as: clients.peer })).toMatch(/role client/);
  expect(await refused(founder, [founding(founder)], { as: { msp: "Org1MSP", certificate: "?" } })).toMatch(/X.509/);
  await recorded(founder, [founding(founder), admission(founder, second)]);
  expect(await recorded(second, [anchor(founder, 0)], { as: clients.second })).toEqual([{ ok: true }]);
  expect(await refused(founder, [anchor(founder, 1)], { as: clients.second })).toMatch(/^ERR_FABRIC_CALLER: /);
  expect(await refused("nobody", [anchor(founder, 1)])).toMatch(/^ERR_FABRIC_CALLER: /);
  // The same key under another organisation's name is another client.
  const moved = { ...clients.second, msp: "Org1MSP" };
  expect(await refused(second, [anchor(founder, 1)], { as: moved })).toMatch(/^ERR_FABRIC_CALLER: /);
  await recorded(founder, [transaction(founder, "member.suspend", { member: second.id, reason: "left" })]);
  expect(await refused(second, [anchor(founder, 1)], { as: clients.second })).toMatch(/^ERR_FABRIC_CALLER: /);
});

test("other code, another time and other arguments are refused, and the server goes on", async () => {
  await started(true);
  const answer = async (args: readonly string[], at = NOW) => (await double.call(args, clients.first, at)).message;
  const call = JSON.stringify({ member: founder.id, code: CODE });
  const text = canonicalJson(founding(founder));
  expect((await submitted(founder, [founding(founder)], { code: digestOf("other") })).message).toMatch(
    /^ERR_FABRIC_CODE/,
  );
  expect(await answer(["submit", call, text], NOW + MAX_SKEW_MS + 1)).toMatch(/^ERR_FABRIC_CLOCK: /);
  expect(await answer(["submit", call, text], NOW - MAX_SKEW_MS - 1)).toMatch(/^ERR_FABRIC_CLOCK: /);
  for (const args of [[], ["submit"], ["submit", "{}"], ["get"], ["erase", "network"]]) {
    expect(await answer(args), args.join(" ")).toMatch(/^ERR_FABRIC_ARGUMENTS: /);
  }
  expect(await answer(["submit", call, ...Array<string>(1_001).fill("1")])).toMatch(/^ERR_FABRIC_ARGUMENTS: /);
  expect(await answer(["submit", call])).toMatch(/^ERR_FABRIC_CALLER: /);
  expect(await recorded(founder, [founding(founder)], { at: NOW + MAX_SKEW_MS })).toEqual([{ ok: true }]);
  expect(await recorded(founder, [])).toEqual([]);
  expect(await answer(["about"])).toBe("");
});
