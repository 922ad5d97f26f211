import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readMember, readNetworkSuite } from "../../chaincode/rules/keys.ts";
import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import type { SuiteId } from "../../crypto/suites/suite.ts";
import { admission, founding, NETWORK, type TestMember, testMember } from "../../ledger/conformance/fixture.ts";
import { memoryStore } from "../../ledger/embedded/_memory-store.ts";
import { createSequencer } from "../../ledger/embedded/sequencer.ts";
import type { Ledger } from "../../ledger/port.ts";
import { haveNextKeys, readIdentity, writeKeys } from "../config/node-keys.ts";
import { createTlsIdentity } from "../config/tls-certificate.ts";
import { systemEffects } from "./effects.ts";
import { rotateKeys } from "./rotate-key.ts";

const tls = await createTlsIdentity({
  member: "member",
  endpoint: undefined,
  now: systemEffects.now(),
  serial: systemEffects.random(15),
});

/** A sequencer with one member, and a folder for each of them. */
async function smallNetwork() {
  const root = await mkdtemp(join(tmpdir(), "rotate-key-"));
  const dirOf = (member: TestMember) => join(root, member.id);
  const operator = testMember("operator", { kind: "industry" });
  const member = testMember("member");
  const store = memoryStore();
  const sequence = async (identity: SigningIdentity) =>
    (await createSequencer({ store, network: NETWORK, identity, now: Date.now })).ledger;
  let ledger = await sequence(operator.identity);
  await ledger.submit([founding(operator)]);
  await ledger.submit([admission(operator, member)]);
  const rotate = (by: TestMember, suite?: SuiteId, status?: Partial<Awaited<ReturnType<Ledger["status"]>>>) => {
    const services = {
      ...systemEffects,
      dir: dirOf(by),
      member: by.id,
      network: NETWORK,
      identity: by.identity,
      config: () => ({}) as never,
      ledger: { ...ledger, status: async () => ({ ...(await ledger.status()), ...status }) },
    };
    const options = { tls, passphrase: undefined, onNext: () => undefined };
    return rotateKeys(services, suite === undefined ? options : { ...options, suite });
  };
  return {
    operator,
    member,
    dirOf,
    rotate,
    ledger: () => ledger,
    /** What an unfinished rotation leaves. */
    leave: async (by: TestMember, suite: SuiteId) => {
      await writeKeys(dirOf(by), "next", { suite, seed: systemEffects.random(32), tls }, undefined);
      return (await readIdentity(dirOf(by), "next", by.id, undefined)).key;
    },
    /** The sequencer's node starts again under its new key. */
    restarted: async () => {
      await ledger.close();
      ledger = await sequence(await readIdentity(dirOf(operator), "next", operator.id, undefined));
    },
    async [Symbol.asyncDispose]() {
      await ledger.close();
      await rm(root, { recursive: true });
    },
  };
}

test("keys of the network's suite that wait are offered again", async () => {
  await using net = await smallNetwork();
  const waiting = await net.leave(net.member, "intl");
  expect(await net.rotate(net.member)).toMatchObject({ keyId: waiting, suite: "intl" });
});

test("keys that a move of the network overtook are replaced, by the sequencer too", async () => {
  await using net = await smallNetwork();
  await net.leave(net.operator, "intl");
  const stale = await net.leave(net.member, "intl");
  expect(await net.rotate(net.operator, "gm")).toMatchObject({ suite: "gm" });
  expect(await readNetworkSuite(net.ledger())).toBe("gm");
  await net.restarted();
  const { keyId } = await net.rotate(net.member);
  expect(keyId).not.toBe(stale);
  expect((await readMember(net.ledger(), "member"))?.record.identity).toMatchObject({ key: keyId, suite: "gm" });
  expect((await readIdentity(net.dirOf(net.member), "next", "member", undefined)).key).toBe(keyId);
});

test.each([
  ["is in the outbox", { outbox: 1 }],
  ["waits on this disk for its quorum", { heldAtOpening: 1_000 }],
])("keys whose record %s stay where they are", async (_where, status) => {
  await using net = await smallNetwork();
  const waiting = await net.leave(net.operator, "intl");
  await expect(net.rotate(net.operator, "gm", status)).rejects.toMatchObject({ code: "ERR_NETWORK_ROTATION_PENDING" });
  expect((await readIdentity(net.dirOf(net.operator), "next", "operator", undefined)).key).toBe(waiting);
});

test("a member cannot move the network: nothing is written", async () => {
  await using net = await smallNetwork();
  await expect(net.rotate(net.member, "gm")).rejects.toMatchObject({ code: "ERR_NETWORK_SUITE" });
  expect(await haveNextKeys(net.dirOf(net.member))).toBe(false);
});
