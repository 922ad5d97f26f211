/** A provider's negotiations about records, on a real ledger and the real engine, with a store that forgets. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { agreementIdOf } from "../../chaincode/rules/agreement-id.ts";
import { readAgreement } from "../../chaincode/rules/keys.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { offerOf } from "../../exchange/negotiation/agreement.ts";
import { firstRequest, verificationMessage } from "../../exchange/negotiation/compose.ts";
import { transaction } from "../../ledger/conformance/fixture.ts";
import { SOON } from "../dataspace/_world.ts";
import {
  ASSET,
  CONSUMER,
  NOW,
  PROVIDER,
  type ProviderDisk,
  type ProviderSide,
  providerDisk,
  providerSide,
  releasePolicy,
} from "./_provider-side.ts";
import { keepAgreement } from "./agreements.ts";
import { MOST_AGREEMENTS } from "./held-agreements.ts";

let agreements: ProviderDisk["agreements"];
let marks: ProviderDisk["marks"];
let records: ProviderDisk["records"];
let ledger: ProviderDisk["ledger"];
let engine: ProviderSide["engine"];
let asked: ProviderSide["asked"];

beforeEach(async () => {
  const disk = await providerDisk(releasePolicy());
  ({ agreements, marks, records, ledger } = disk);
  ({ engine, asked } = providerSide(disk));
});
afterEach(() => engine.stop());

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
  const plain = firstRequest("pid-2", offerOf(releasePolicy()), "https://bureau.example/dsp/2025-1");
  await expect(engine.takeFirst(CONSUMER.id, plain, "ContractRequestMessage")).rejects.toMatchObject({
    said: { code: "declaration-wanted" },
  });
});
