import { describe, expect, test } from "vitest";
import { agreementIdOf } from "../../chaincode/rules/agreement-id.ts";
import type { AgreementState } from "../../chaincode/rules/records.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { eventMessage } from "../../exchange/negotiation/compose.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { explanationDigest } from "../../exchange/requests/agreement-record.ts";
import { declaringOffer } from "../../exchange/transfers/declaration.ts";
import {
  type ReleaseAgreement,
  releaseAgreementOf,
  termsOfPolicy,
} from "../../exchange/transfers/release-agreement.ts";
import { draft } from "../../policies/_fixture.ts";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import { type PolicyDraft, policyOf } from "../../policies/model/policy-of.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import { type KeptAgreement, standingOf } from "./agreements.ts";
import { createReleaseNegotiations } from "./release-negotiations.ts";
import { createWanted, type Wanted } from "./wanted.ts";

const CONSUMER = "government";
const RELEASING: PolicyDraft = { ...draft, release: { elements: ["year"], formats: ["HttpData-PULL"] } };
const parsed = parsePolicy(policyOf(RELEASING));
if (!parsed.ok) throw new Error("refused");
const { policy } = parsed;
const PROVIDER = termsOfPolicy(policy)!.provider;
const declaration = { purpose: "industry-statistics", territory: "CN", retentionDays: 30 };
const AT = "2026-11-22T09:00:00Z";
const agreementAs = (id: string): ReleaseAgreement =>
  releaseAgreementOf({ id, policy, assetVersion: 1, consumer: CONSUMER, declaration, timestamp: AT });
const id = agreementIdOf("theirs", policy.target);
const agreement = agreementAs(id);
const RECORD = {
  provider: PROVIDER,
  state: "finalized",
  agreement: {
    agreement: id,
    policy: { digest: agreement["sealane:policy"].digest, version: 1 },
    negotiation: "theirs",
    asset: agreement.target,
    assetVersion: 1,
    consumer: CONSUMER,
    digest: digestOf(agreement),
    validUntil: agreement["sealane:validUntil"],
  },
} as unknown as AgreementState;
const changed = (change: object, state: object = {}) =>
  ({ ...RECORD, ...state, agreement: { ...RECORD.agreement, ...change } }) as AgreementState;
const ledgerWith = (record: AgreementState | undefined) =>
  ({ get: async (key: string) => (key.startsWith("agreement/") ? record : undefined) }) as never;

const OTHERS: readonly (readonly [string, AgreementState])[] = [
  ["another provider", changed({}, { provider: "mallory" })],
  ["another consumer", changed({ consumer: "mallory" })],
  ["another asset", changed({ asset: "ibm:other" })],
  ["another version of the asset", changed({ assetVersion: 2 })],
  ["another digest", changed({ digest: "A".repeat(43) })],
  ["another policy", changed({ policy: { digest: "A".repeat(43), version: 1 } })],
  ["another end", changed({ validUntil: "2030-01-01T00:00:00.000Z" })],
];

test.each(OTHERS)("a record with %s is not that of the agreement", async (_name, record) => {
  expect(await standingOf(ledgerWith(record), agreement)).toBe("other");
});
test("the record that follows from an agreement says how it stands", async () => {
  expect(await standingOf(ledgerWith(RECORD), agreement)).toBe("finalized");
  expect(await standingOf(ledgerWith(changed({}, { state: "revoked" })), agreement)).toBe("revoked");
  expect(await standingOf(ledgerWith(undefined), agreement)).toBe("absent");
});

/** A negotiation that its provider calls final. */
async function driven(record: () => AgreementState | undefined, now = AT, finalAt = AT) {
  const store = memoryRecords<Wanted>();
  const open = memoryRecords<true>();
  const agreements = memoryRecords<KeptAgreement>();
  await agreements.put(id, { agreement, role: "consumer", peer: PROVIDER, negotiation: "ours" });
  await open.put("w", true);
  await store.put("w", {
    id: "w",
    provider: PROVIDER,
    asset: policy.target,
    format: "HttpData-PULL",
    declaration,
    offer: declaringOffer(policy, declaration),
    negotiation: "ours",
    at: AT,
  });
  const begun: string[] = [];
  const tried: unknown[] = [];
  const wanted = createWanted({
    ledger: { get: async () => record() } as never,
    now: () => now,
    log: { warn: ({ err }: { err: unknown }) => void tried.push(err) } as never,
    member: CONSUMER,
    members: {} as never,
    store,
    open,
    agreements,
    client: {} as never,
    negotiations: {
      find: async () => ({ side: { document: { state: "FINALIZED", agreement } }, history: [{ at: finalAt }] }),
    } as never,
    transfers: { begin: async ({ pid }: { pid: string }) => void begun.push(pid) } as never,
    base: "https://127.0.0.1:1/dsp/2025-1",
    baseOf: async () => "https://127.0.0.1:2/dsp/2025-1",
    takesCalls: true,
    inboxAddress: () => ({}) as never,
  });
  await wanted.start();
  return { wanted, begun, tried, open, refusal: async () => (await store.get("w"))?.refusal };
}

test.each(OTHERS)("no transfer begins on a record with %s, and it ends with its cause", async (_name, record) => {
  const { wanted, begun, open, refusal } = await driven(() => record);
  await expect.poll(refusal).toBe("agreement-not-recorded");
  await expect.poll(() => open.get("w")).toBeUndefined();
  await wanted.stop();
  expect(begun).toEqual([]);
});
test("a transfer begins as soon as the ledger has the agreement, and not before", async () => {
  let record: AgreementState | undefined;
  const { wanted, begun, tried } = await driven(() => record);
  await expect.poll(() => tried.length).toBeGreaterThan(0);
  expect(begun).toEqual([]);
  record = RECORD;
  await expect.poll(() => begun, { timeout: 10_000 }).toEqual(["w"]);
  await wanted.stop();
});
test("an asset whose provider takes no calls cannot be started: nothing is written", async () => {
  const store = memoryRecords<Wanted>();
  const wanted = createWanted({
    ledger: { get: async () => ({ version: 1 }) } as never,
    member: CONSUMER,
    members: { find: async () => ({ record: {} }) } as never,
    store,
    open: memoryRecords(),
  } as never);
  const starting = wanted.begin({ asset: policy.target, format: "HttpData-PULL", declared: {} });
  await expect(starting).rejects.toMatchObject({ code: "ERR_TRANSFER_INVALID", reason: "provider-without-endpoint" });
  for await (const one of store.entries()) expect(one).toBeUndefined();
});
test("what has waited for days until it was final has a day from then", async () => {
  let record: AgreementState | undefined;
  const { wanted, begun, tried } = await driven(() => record, "2026-11-28T09:00:01Z", "2026-11-28T09:00:00Z");
  await expect.poll(() => tried.length).toBeGreaterThan(0);
  record = RECORD;
  await expect.poll(() => begun, { timeout: 10_000 }).toEqual(["w"]);
  await wanted.stop();
});
test("what is not on the ledger after a day is given up", async () => {
  const { wanted, begun, refusal } = await driven(() => undefined, "2026-11-23T09:00:01Z");
  await expect.poll(refusal).toBe("agreement-not-recorded");
  await wanted.stop();
  expect(begun).toEqual([]);
});

test.each([
  ["theirs", "ContractAgreementVerificationMessage"],
  ["another", "ContractNegotiationTerminationMessage"],
])("an agreement with the id that follows from negotiation %s is answered by %s", async (negotiation, type) => {
  const release = createReleaseNegotiations({
    ledger: ledgerWith(undefined),
    member: CONSUMER,
    members: {} as never,
    agreements: memoryRecords(),
  } as never);
  const document = {
    providerPid: "theirs",
    consumerPid: "ours",
    state: "AGREED",
    offer: declaringOffer(policy, declaration),
    agreement: agreementAs(agreementIdOf(negotiation, policy.target)),
  } as unknown as Negotiation;
  const kept = { pid: "ours", peer: PROVIDER, side: { role: "consumer", document } } as never;
  expect((await release.next(kept))?.["@type"]).toBe(type);
});

describe("the provider's word that an agreement is final", () => {
  const taken = async (record: AgreementState | undefined, state = "VERIFIED") => {
    const release = createReleaseNegotiations({ ledger: ledgerWith(record), member: CONSUMER } as never);
    const document = { providerPid: "theirs", consumerPid: "ours", state, agreement } as unknown as Negotiation;
    const kept = { pid: "ours", peer: PROVIDER, side: { role: "consumer", document } } as never;
    return await release.mayTake(kept, eventMessage(document, "FINALIZED"));
  };

  test.each(["AGREED", "VERIFIED"])("is taken in %s once the ledger has it, and not before", async (state) => {
    await expect(taken(undefined, state)).rejects.toMatchObject({ code: "ERR_DATASPACE_NOT_YET" });
    expect(await taken(RECORD, state)).toBeUndefined();
    expect(await taken(changed({}, { state: "revoked" }), state)).toBeUndefined();
  });
  test.each(OTHERS)("is refused where the ledger has a record with %s", async (_name, record) => {
    expect(await taken(record)).toMatchObject({ code: "agreement-not-on-ledger" });
  });
});

describe("an agreement under a policy that leaves records to a steward", () => {
  const wants = parsePolicy(policyOf({ ...RELEASING, approval: "steward" }));
  if (!wants.ok) throw new Error("refused");
  const about = { policy: wants.policy, assetVersion: 1, consumer: CONSUMER, declaration, timestamp: AT };
  const theirs = releaseAgreementOf({ id, ...about });
  const explanation = { salt: "A".repeat(43), document: { outcome: "permit" } };
  const DECISION = {
    negotiation: "theirs",
    asset: theirs.target,
    assetVersion: 1,
    consumer: CONSUMER,
    outcome: "permit",
    policyDigest: theirs["sealane:policy"].digest,
    explanationDigest: explanationDigest(explanation),
    decidedBy: "ibm/steward",
  };
  const answer = async (change: object | undefined, now = AT) => {
    const found = change && { time: AT, decision: { ...DECISION, ...change } };
    const release = createReleaseNegotiations({
      ledger: { get: async (key: string) => (key === `release-decision/${PROVIDER}/theirs` ? found : undefined) },
      member: CONSUMER,
      agreements: memoryRecords(),
      now: () => now,
    } as never);
    const document = {
      ...{ providerPid: "theirs", consumerPid: "ours", state: "AGREED", explanation, agreement: theirs },
      offer: declaringOffer(wants.policy, declaration),
    };
    const history = [{ at: AT }];
    const kept = { pid: "ours", peer: PROVIDER, history, side: { role: "consumer", document } } as never;
    return (await release.next(kept)) as { readonly "@type": string; readonly code?: string } | undefined;
  };

  test("is verified once the ledger has the steward's approval of it, and not before", async () => {
    await expect(answer(undefined)).rejects.toMatchObject({ code: "ERR_DATASPACE_NOT_YET" });
    expect(await answer({})).toMatchObject({ "@type": "ContractAgreementVerificationMessage" });
    expect(await answer(undefined, "2026-11-23T09:00:01Z")).toMatchObject({ code: "approval-not-recorded" });
  });
  test.each<readonly [string, object]>([
    ["a refusal", { outcome: "refuse" }],
    ["an approval for another consumer", { consumer: "mallory" }],
    ["an approval of another asset", { asset: "ibm:other" }],
    ["an approval of another version of the asset", { assetVersion: 2 }],
    ["an approval under another policy", { policyDigest: "A".repeat(43) }],
    ["an approval in another negotiation", { negotiation: "another" }],
    ["an approval with another explanation", { explanationDigest: "A".repeat(43) }],
  ])("is not verified where the ledger has %s", async (_name, change) => {
    expect(await answer(change)).toMatchObject({ code: "approval-not-recorded" });
  });
});

test.each([
  ["is used again under the policy it was made under", policy, true],
  ["is not used any more once another policy is in force", policyOf({ ...RELEASING, approval: "steward" }), false],
] as const)("an agreement that stands %s", async (_name, inForce, isUsed) => {
  const agreements = memoryRecords<KeptAgreement>();
  await agreements.put(id, { agreement, role: "consumer", peer: PROVIDER, negotiation: "ours" });
  const onLedger = { version: 1, policyDigest: termsOfPolicy(inForce)!.digest };
  const wanted = createWanted({
    ledger: { get: async (key: string) => (key.startsWith("agreement/") ? RECORD : onLedger) } as never,
    now: () => AT,
    log: { warn: () => undefined } as never,
    member: CONSUMER,
    members: { find: async () => ({ record: { endpoint: "https://127.0.0.1:2" } }) } as never,
    store: memoryRecords(),
    open: memoryRecords(),
    agreements,
    client: { get: async () => ({ hasPolicy: [inForce] }) } as never,
    negotiations: { find: async () => undefined, begin: async () => undefined } as never,
    transfers: { begin: async () => undefined } as never,
    base: "https://127.0.0.1:1/dsp/2025-1",
    baseOf: async () => "https://127.0.0.1:2/dsp/2025-1",
    takesCalls: true,
    inboxAddress: () => ({}) as never,
  });
  const begun = await wanted.begin({ asset: policy.target, format: "HttpData-PULL", declared: declaration });
  expect((await wanted.find(begun))?.agreement).toBe(isUsed ? id : undefined);
  await wanted.stop();
});
