/** A provider's negotiations about records, on a real ledger and the real engine, with a store that forgets. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { agreementIdOf } from "../../chaincode/rules/agreement-id.ts";
import { readAgreement } from "../../chaincode/rules/keys.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { offerOf } from "../../exchange/negotiation/agreement.ts";
import { firstRequest, verificationMessage } from "../../exchange/negotiation/compose.ts";
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { declaringOffer } from "../../exchange/transfers/declaration.ts";
import { admission, founding, NETWORK, testMember, transaction } from "../../ledger/conformance/fixture.ts";
import { memoryStore } from "../../ledger/embedded/_memory-store.ts";
import { createSequencer } from "../../ledger/embedded/sequencer.ts";
import { draft, asset as plausible } from "../../policies/_fixture.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import { SOON } from "../dataspace/_world.ts";
import type { ProcessRecord } from "../dataspace/process-record.ts";
import { createProcesses, type Processes } from "../dataspace/processes.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import { type KeptAgreement, keepAgreement } from "./agreements.ts";
import { createHeldAgreements, type HeldMark, MOST_AGREEMENTS } from "./held-agreements.ts";
import { createReleaseNegotiations } from "./release-negotiations.ts";

const NOW = "2026-06-01T00:00:00.000Z";
const PROVIDER = testMember("operator", { kind: "industry" });
const CONSUMER = testMember("bureau", { kind: "government" });
const ASSET = { ...plausible, id: "operator:panel", provider: "operator" };
const POLICY = policyOf({
  ...draft,
  asset: ASSET.id,
  provider: "operator",
  release: { elements: ["year"], formats: ["HttpData-PULL"] },
});
const DECLARED = { purpose: "industry-statistics", territory: "CN", retentionDays: 30 };

let agreements: ReturnType<typeof memoryRecords<KeptAgreement>>;
let marks: ReturnType<typeof memoryRecords<HeldMark>>;
let records: ReturnType<typeof memoryRecords<ProcessRecord<Negotiation, NegotiationMessage>>>;
let ledger: Awaited<ReturnType<typeof createSequencer>>["ledger"];
let engine: Processes<Negotiation, NegotiationMessage>;

beforeEach(async () => {
  agreements = memoryRecords();
  records = memoryRecords();
  marks = memoryRecords();
  const now = () => Date.parse(NOW);
  ({ ledger } = await createSequencer({ store: memoryStore(), network: NETWORK, identity: PROVIDER.identity, now }));
  await ledger.submit([founding(PROVIDER)]);
  await ledger.submit([admission(PROVIDER, CONSUMER)]);
  const body = {
    ...{ asset: ASSET.id, version: 1, metadataDigest: digestOf(ASSET), policyDigest: digestOf(POLICY) },
    unitDomain: ASSET.unitDomain,
  };
  await ledger.submit([transaction(PROVIDER, "asset.register", body)]);
  const release = createReleaseNegotiations({
    ledger,
    agreements,
    held: createHeldAgreements({ marks, ledger, now: () => NOW }),
    identity: PROVIDER.identity,
    network: NETWORK,
    member: PROVIDER.id,
    now: () => NOW,
    members: { find: async () => ({ status: "active", record: CONSUMER.record }) } as never,
    assets: { find: async () => ({ state: "registered", asset: ASSET, policy: POLICY }) } as never,
  });
  engine = createProcesses<Negotiation, NegotiationMessage>({
    protocol: negotiationProtocol,
    records,
    open: memoryRecords(),
    now: () => NOW,
    post: async () => ({ kind: "taken", answer: {} }),
    ask: async () => undefined,
    admits: release.admits,
    next: release.next,
    onError: () => undefined,
  });
});
afterEach(() => engine.stop());

const messageWith = (declared: object, name = "pid-1") =>
  firstRequest(name, declaringOffer(POLICY, { ...DECLARED, ...declared }), "https://bureau.example/dsp/2025-1");
const asked = (declared: object = {}, name?: string) =>
  engine.takeFirst(CONSUMER.id, messageWith(declared, name), "ContractRequestMessage");
async function concluded(name?: string): Promise<{ readonly pid: string; readonly id: string }> {
  const { providerPid: pid } = await asked({}, name);
  const state = async () => (await engine.find(pid))?.side.document?.state;
  await expect.poll(state, SOON).toBe("AGREED");
  const verification = verificationMessage((await engine.find(pid))!.side.document!);
  await engine.take(CONSUMER.id, pid, verification, "ContractAgreementVerificationMessage");
  await expect.poll(state, SOON).toBe("FINALIZED");
  return { pid, id: agreementIdOf(pid, ASSET.id) };
}

test("an agreement that is concluded is the one that is kept and that the ledger has", async () => {
  const { pid, id } = await concluded();
  const kept = await agreements.get(id);
  expect(kept).toMatchObject({ role: "provider", peer: CONSUMER.id, negotiation: pid });
  expect((await readAgreement(ledger, id))?.agreement.digest).toBe(digestOf(kept!.agreement));
});

describe("a first message that comes again after its negotiation was forgotten", () => {
  test.each([
    ["the same one", {}],
    ["one that declares something else", { retentionDays: 3 }],
  ])("%s begins nothing, and the agreement stays as it was concluded", async (_name, declared) => {
    const { pid, id } = await concluded();
    const kept = await agreements.get(id);
    await records.delete(pid);
    await expect(asked(declared)).rejects.toMatchObject({ said: { code: "pid-taken" } });
    expect(await engine.find(pid)).toBeUndefined();
    expect(await agreements.get(id)).toEqual(kept);
  });

  test("nor where the ledger alone still has it", async () => {
    const { pid, id } = await concluded();
    await records.delete(pid);
    await agreements.delete(id);
    await expect(asked({ retentionDays: 3 })).rejects.toMatchObject({ said: { code: "pid-taken" } });
    expect(await agreements.get(id)).toBeUndefined();
  });
});

test("what the ledger does not take is not kept as agreed on", async () => {
  const { providerPid: pid } = await asked();
  const state = async () => (await engine.find(pid))?.side.document?.state;
  await expect.poll(state, SOON).toBe("AGREED");
  await ledger.submit([transaction(PROVIDER, "asset.withdraw", { asset: ASSET.id, reason: "moved" })]);
  const verification = verificationMessage((await engine.find(pid))!.side.document!);
  await engine.take(CONSUMER.id, pid, verification, "ContractAgreementVerificationMessage");
  await expect.poll(state, SOON).toBe("TERMINATED");
  expect((await engine.find(pid))?.side.document?.termination?.code).toBe("agreement-not-recorded");
  expect(await agreements.get(agreementIdOf(pid, ASSET.id))).toBeUndefined();
  for await (const [mark] of marks.entries()) expect.unreachable(mark);
});

describe("agreements of one consumer on one asset", () => {
  const fill = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const validUntil = "2026-12-31T00:00:00.000Z";
      await marks.put(`${CONSUMER.id} ${ASSET.id} agreement-${i}`, { since: NOW, validUntil });
    }
  };
  test("are so many at once, also where all of them were asked for before one was concluded", async () => {
    await fill(MOST_AGREEMENTS - 1);
    const { providerPid: late } = await asked({}, "late");
    await expect.poll(async () => (await engine.find(late))?.side.document?.state, SOON).toBe("AGREED");
    const { id } = await concluded("last");
    await expect(asked({}, "more")).rejects.toMatchObject({ said: { code: "too-many-agreements" } });
    const verification = verificationMessage((await engine.find(late))!.side.document!);
    await engine.take(CONSUMER.id, late, verification, "ContractAgreementVerificationMessage");
    await expect
      .poll(async () => (await engine.find(late))?.side.document?.termination?.code, SOON)
      .toBe("too-many-agreements");
    // What is over makes room.
    await ledger.submit([transaction(PROVIDER, "agreement.revoke", { agreement: id, reason: "changed" })]);
    await concluded("next");
  });
  test("that have run out, or were never concluded, make room", async () => {
    await fill(MOST_AGREEMENTS);
    const first = `${CONSUMER.id} ${ASSET.id} agreement-`;
    await marks.put(`${first}0`, { since: NOW, validUntil: "2026-05-31T00:00:00.000Z" });
    await concluded("one");
    await marks.put(`${first}1`, { since: "2026-05-30T00:00:00.000Z", validUntil: "2026-12-31T00:00:00.000Z" });
    await concluded("two");
    await expect(asked({}, "three")).rejects.toMatchObject({ said: { code: "too-many-agreements" } });
  });
});

test("a document that is kept under an id gives way to no other one", async () => {
  const { id } = await concluded();
  const kept = (await agreements.get(id))!;
  expect(await keepAgreement(agreements, structuredClone(kept))).toBe(true);
  for (const other of [
    { ...kept, agreement: { ...kept.agreement, timestamp: "2026-06-02T00:00:00.000Z" } },
    { ...kept, peer: "mallory" },
    { ...kept, role: "consumer" as const },
  ]) {
    expect(await keepAgreement(agreements, other)).toBe(false);
  }
  expect(await agreements.get(id)).toEqual(kept);
});

test("an offer that declares nothing, where the policy leaves a choice, is asked for it", async () => {
  const plain = firstRequest("pid-2", offerOf(POLICY), "https://bureau.example/dsp/2025-1");
  await expect(engine.takeFirst(CONSUMER.id, plain, "ContractRequestMessage")).rejects.toMatchObject({
    said: { code: "declaration-wanted" },
  });
});
