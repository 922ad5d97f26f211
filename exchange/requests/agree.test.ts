import { describe, expect, test } from "vitest";
import { digestOf, saltedDigest } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { signingIdentity, signStatement } from "../../crypto/suites/signed.ts";
import type { LedgerEntry, SignedTransaction } from "../../ledger/port.ts";
import { asset, draft, request } from "../../policies/_fixture.ts";
import { policyDigest } from "../../policies/model/policy.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import { agreementDigest } from "../negotiation/agreement.ts";
import { type AgreePorts, negotiate } from "./agree.ts";
import { type AgreementDelivery, type AgreementRecord, agreementKey } from "./agreement-record.ts";
import { explanationDocument, explanationKey } from "./decide-request.ts";
import { RequestError } from "./errors.ts";
import type { Explanation, RecordStore, RequestDocument } from "./ports.ts";
import { finalizeAgreement, type VerifyPorts, verifyAgreement } from "./verify-agreement.ts";

const policy = policyOf(draft);
const salt = toBase64url(new Uint8Array(32).fill(7));
const provider = signingIdentity("ibm", "intl", new Uint8Array(32).fill(1));
const requester = signingIdentity("government", "intl", new Uint8Array(32).fill(2));
const document: RequestDocument = { document: signStatement(requester, "data-request", request), salt };
const key = agreementKey(request.id, asset.id);
const explanation: Explanation = {
  salt,
  asset: asset.id,
  outcome: "permit",
  reasons: [],
  policyDigest: policyDigest(policy),
  policyVersion: 1,
  at: "2026-11-22T09:00:00Z",
  verdicts: [],
};

function storeOf<V>(entries: Readonly<Record<string, V>> = {}): RecordStore<V> {
  const kept = new Map(Object.entries(entries));
  return {
    get: async (id) => kept.get(id),
    put: async (id, value) => void kept.set(id, structuredClone(value)),
    delete: async (id) => void kept.delete(id),
    entries: async function* () {
      yield* kept;
    },
  };
}

/** Both sides, joined by a line that loses what `loses` names: the way there or the way back. */
function world(loses: (what: string) => boolean = () => false) {
  const submitted: SignedTransaction[] = [];
  const sent: AgreementDelivery[] = [];
  const concluded = () => submitted.map(({ statement }) => statement.body as { digest: string; validUntil: string });
  const stores = {
    documents: storeOf({ [request.id]: document }),
    explanations: storeOf({ [explanationKey(request.id, asset.id, "first")]: explanation }),
  };
  const consumer: VerifyPorts = {
    identity: requester,
    directory: { asset: async () => ({ metadataDigest: digestOf(asset) }) as never },
    stores,
    agreements: storeOf<AgreementRecord>(),
    decision: async () => ({
      outcome: "permit",
      policyDigest: policyDigest(policy),
      explanationDigest: saltedDigest(fromBase64url(salt, "salt", 32), explanationDocument(explanation)),
    }),
    concluded: async () => concluded()[0]?.digest,
  };
  const line = async <T>(what: string, call: () => Promise<T>): Promise<T> => {
    const lost = () => new RequestError("ERR_REQUEST_UNREACHABLE", `${what} was lost`);
    if (loses(what)) throw lost();
    const answer = await call();
    if (loses(`answer to ${what}`)) throw lost();
    return answer;
  };
  const ports = {
    network: "network",
    identity: provider,
    ledger: {
      submit: async ([one]: readonly SignedTransaction[]) => {
        if (submitted.every(({ statement }) => statement.id !== one!.statement.id)) submitted.push(one!);
        return [{} as LedgerEntry];
      },
    },
    now: () => new Date(Date.UTC(2026, 10, 22, 9, 0, sent.length)).toISOString(),
    stores,
    agreements: storeOf<AgreementRecord>(),
    ownAsset: async () => ({ asset, policy }),
    deliver: async (_to: string, id: string, delivery: AgreementDelivery) => {
      sent.push(structuredClone(delivery));
      return await line("agreement", async () => verifyAgreement(consumer, "ibm", id, structuredClone(delivery)));
    },
    notify: async (_to: string, id: string, event: { asset: string; message: unknown }) =>
      await line("event", async () => finalizeAgreement(consumer, "ibm", id, structuredClone(event))),
  } as unknown as AgreePorts;
  return { ports, consumer, submitted, sent, concluded };
}

const states = async ({ ports, consumer }: ReturnType<typeof world>) => [
  (await ports.agreements.get(key))?.negotiation.state,
  (await consumer.agreements.get(key))?.negotiation.state,
];

describe("a negotiation", () => {
  test("ends FINALIZED on both sides, with the agreement on the ledger", async () => {
    const both = world();
    await negotiate(both.ports, request.id, asset.id);
    expect(await states(both)).toEqual(["FINALIZED", "FINALIZED"]);
    const { agreement } = both.sent[0]!.message;
    expect(both.concluded()).toMatchObject([
      { digest: agreementDigest(agreement), validUntil: "2026-12-31T15:59:59.999Z", maxUses: 10, assetVersion: 1 },
    ]);
    expect(agreement["sealane:request"].digest).toBe(saltedDigest(fromBase64url(salt, "salt", 32), document.document));
  });

  test.each([
    ["agreement", ["REQUESTED", undefined]],
    ["answer to agreement", ["REQUESTED", "VERIFIED"]],
    ["event", ["VERIFIED", "VERIFIED"]],
    ["answer to event", ["VERIFIED", "FINALIZED"]],
  ])("goes on where it was when the %s was lost, with the same words", async (what, between) => {
    let isDown = true;
    const both = world((one) => isDown && one === what);
    await expect(negotiate(both.ports, request.id, asset.id)).rejects.toMatchObject({
      code: "ERR_REQUEST_UNREACHABLE",
    });
    expect(await states(both)).toEqual(between);
    isDown = false;
    await negotiate(both.ports, request.id, asset.id);
    await negotiate(both.ports, request.id, asset.id);
    expect(await states(both)).toEqual(["FINALIZED", "FINALIZED"]);
    expect(new Set(both.sent.map(digestOf)).size).toBe(1);
    expect(both.submitted).toHaveLength(1);
  });
});

describe("the requester", () => {
  async function delivered(): Promise<{ both: ReturnType<typeof world>; delivery: AgreementDelivery }> {
    const both = world((what) => what === "agreement");
    await negotiate(both.ports, request.id, asset.id).catch(() => undefined);
    return { both, delivery: both.sent[0]! };
  }
  const withAgreement = (delivery: AgreementDelivery, change: object): AgreementDelivery => ({
    ...delivery,
    message: { ...delivery.message, agreement: { ...delivery.message.agreement, ...change } },
  });

  test.each([
    ["ends later", { "sealane:validUntil": "2027-12-31T00:00:00.000Z" }, "/sealane:validUntil"],
    ["is about another request", { "sealane:request": { id: request.id, digest: "A".repeat(43) } }, "/sealane:request"],
    ["is about another version", { "sealane:assetVersion": 2 }, "/sealane:assetVersion"],
    ["has other terms", { permission: [{ action: "use" }] }, "/permission"],
  ])("refuses an agreement that %s", async (_what, change, field) => {
    const { both, delivery } = await delivered();
    await expect(
      verifyAgreement(both.consumer, "ibm", request.id, withAgreement(delivery, change)),
    ).rejects.toMatchObject({ code: "ERR_REQUEST_INVALID", problems: [{ field }] });
    expect(await both.consumer.agreements.get(key)).toBeUndefined();
  });

  test("refuses another agreement after the one it verified", async () => {
    const { both, delivery } = await delivered();
    await verifyAgreement(both.consumer, "ibm", request.id, delivery);
    const later = withAgreement(delivery, { timestamp: "2026-11-22T10:00:00Z" });
    await expect(verifyAgreement(both.consumer, "ibm", request.id, later)).rejects.toMatchObject({
      code: "ERR_REQUEST_TRANSITION",
    });
  });

  test("believes FINALIZED of the provider only, and only once its replica has the very agreement", async () => {
    const { both, delivery } = await delivered();
    await verifyAgreement(both.consumer, "ibm", request.id, delivery);
    const { providerPid, consumerPid, "@context": context } = delivery.message;
    const message = { "@context": context, "@type": "ContractNegotiationEventMessage", providerPid, consumerPid };
    const say = (from: string, eventType: string, concluded?: string, change: object = {}) =>
      finalizeAgreement({ ...both.consumer, concluded: async () => concluded }, from, request.id, {
        asset: asset.id,
        message: { ...message, eventType, ...change },
      });
    const digest = agreementDigest(delivery.message.agreement);
    await expect(say("ge", "FINALIZED", digest)).rejects.toMatchObject({ code: "ERR_REQUEST_UNKNOWN" });
    await expect(say("ibm", "ACCEPTED", digest)).rejects.toMatchObject({ code: "ERR_REQUEST_TRANSITION" });
    await expect(say("ibm", "AGREED", digest)).rejects.toMatchObject({ code: "ERR_REQUEST_INVALID" });
    await expect(say("ibm", "FINALIZED")).rejects.toMatchObject({ code: "ERR_REQUEST_UNREACHABLE" });
    await expect(say("ibm", "FINALIZED", "A".repeat(43))).rejects.toMatchObject({ code: "ERR_REQUEST_INVALID" });
    await expect(say("ibm", "FINALIZED", digest, { providerPid: "x" })).rejects.toMatchObject({
      code: "ERR_REQUEST_TRANSITION",
    });
    expect(await states(both)).toEqual(["REQUESTED", "VERIFIED"]);
    expect(await say("ibm", "FINALIZED", digest)).toMatchObject({ state: "FINALIZED", providerPid });
    expect(await say("ibm", "FINALIZED", digest)).toMatchObject({ state: "FINALIZED", providerPid });
  });
});
