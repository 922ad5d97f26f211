import { describe, expect, test } from "vitest";
import { digestOf, saltedDigest } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { signingIdentity, signStatement } from "../../crypto/suites/signed.ts";
import { type LedgerEntry, LedgerError, type SignedTransaction } from "../../ledger/port.ts";
import { asset, draft, request } from "../../policies/_fixture.ts";
import { policyDigest } from "../../policies/model/policy.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import { agreementDigest } from "../negotiation/agreement.ts";
import { type AgreePorts, decideAndAgree, negotiate, tellFinalized } from "./agree.ts";
import {
  type AgreementDelivery,
  type AgreementRecord,
  agreementKey,
  type Conclusion,
  conclusionBody,
} from "./agreement-record.ts";
import { explanationDocument, explanationKey } from "./decide-request.ts";
import { RequestError } from "./errors.ts";
import type { Explanation, RecordStore, RequestDocument } from "./ports.ts";
import { finalizeAgreement, onLedger, type VerifyPorts, verifyAgreement } from "./verify-agreement.ts";

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

const decided = (by: Explanation = explanation) => ({
  outcome: "permit" as const,
  policyDigest: policyDigest(policy),
  explanationDigest: saltedDigest(fromBase64url(by.salt, "salt", 32), explanationDocument(by)),
});

/** Both sides, joined by a line that loses what `loses` names: the way there or the way back. */
function world(loses: (what: string) => boolean = () => false) {
  const submitted: SignedTransaction[] = [];
  const sent: AgreementDelivery[] = [];
  const batches: string[][] = [];
  const concluded = () =>
    submitted
      .filter(({ statement }) => statement.type === "agreement.conclude")
      .map(({ statement }) => statement.body as Conclusion);
  const stores = {
    documents: storeOf({ [request.id]: document }),
    explanations: storeOf({ [explanationKey(request.id, asset.id, "first")]: explanation }),
  };
  const consumer: { -readonly [K in keyof VerifyPorts]: VerifyPorts[K] } = {
    identity: requester,
    directory: {
      asset: async () => ({ metadataDigest: digestOf(asset), policyDigest: policyDigest(policy) }) as never,
    },
    stores,
    agreements: storeOf<AgreementRecord>(),
    decision: async () => decided(),
    concluded: async () => concluded()[0],
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
      submit: async (all: readonly SignedTransaction[]) => {
        batches.push(all.map(({ statement }) => statement.type));
        for (const one of all) {
          if (submitted.every(({ statement }) => statement.id !== one.statement.id)) submitted.push(one);
        }
        return all.map(() => ({}) as LedgerEntry);
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
  return { ports, consumer, submitted, batches, sent, concluded };
}

async function decideAndTell({ ports }: ReturnType<typeof world>): Promise<void> {
  const concluded = await decideAndAgree(ports, request.id, asset.id);
  if (concluded !== undefined) await tellFinalized(ports, concluded);
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

describe("a permit", () => {
  test("reaches the ledger together with its agreement where the requester verifies at once", async () => {
    const both = world();
    both.consumer.decision = async () => (both.submitted.length === 0 ? undefined : decided());
    await decideAndTell(both);
    expect(both.batches).toEqual([["decision.record", "agreement.conclude"]]);
    expect(new Set(both.submitted.map(({ signature }) => signature)).size).toBe(1);
    expect(await states(both)).toEqual(["FINALIZED", "FINALIZED"]);
  });

  test("and its agreement are on the ledger before the requester is told: no event holds up the next decision", async () => {
    const heard: string[] = [];
    const both = world((what) => heard.push(what) < 0);
    both.consumer.decision = async () => (both.submitted.length === 0 ? undefined : decided());
    const concluded = await decideAndAgree(both.ports, request.id, asset.id);
    expect(both.batches).toEqual([["decision.record", "agreement.conclude"]]);
    expect(heard).not.toContain("event");
    await tellFinalized(both.ports, concluded!);
    expect(await states(both)).toEqual(["FINALIZED", "FINALIZED"]);
  });

  test.each(["agreement", "answer to agreement"])("is recorded although the %s was lost", async (what) => {
    let isDown = true;
    const both = world((one) => isDown && one === what);
    await decideAndTell(both);
    expect(both.batches).toEqual([["decision.record"]]);
    isDown = false;
    await negotiate(both.ports, request.id, asset.id);
    expect(both.batches).toEqual([["decision.record"], ["agreement.conclude"]]);
    expect(await states(both)).toEqual(["FINALIZED", "FINALIZED"]);
  });

  test("that came to nothing because its policy was replaced takes its agreement with it", async () => {
    const both = world();
    const { ledger } = both.ports;
    const rejection = { code: "ERR_CONTRACT_POLICY", index: 0 };
    const reject = async () => {
      throw new LedgerError("ERR_LEDGER_REJECTED", "replaced", { rejection });
    };
    await expect(
      decideAndAgree({ ...both.ports, ledger: { ...ledger, submit: reject } }, request.id, asset.id),
    ).rejects.toMatchObject({ code: "ERR_REQUEST_UNREACHABLE" });
    expect(await states(both)).toEqual(["VERIFIED", "VERIFIED"]);
    const again = { ...explanation, salt: toBase64url(new Uint8Array(32).fill(8)) };
    await both.ports.stores.explanations.put(explanationKey(request.id, asset.id, "first"), again);
    both.consumer.decision = async () => (both.submitted.length === 0 ? undefined : decided(again));
    await decideAndTell(both);
    expect(await states(both)).toEqual(["FINALIZED", "FINALIZED"]);
    expect(both.sent.map(({ explanation }) => explanation.salt)).toEqual([salt, again.salt]);
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

  test("does not verify a permit of another policy than the one registered", async () => {
    const { both, delivery } = await delivered();
    const directory = {
      asset: async () => ({ metadataDigest: digestOf(asset), policyDigest: "A".repeat(43) }) as never,
    };
    const behind = { ...both.consumer, directory, decision: async () => undefined };
    await expect(verifyAgreement(behind, "ibm", request.id, delivery)).rejects.toMatchObject({
      code: "ERR_REQUEST_UNREACHABLE",
    });
    for (const document of [null, "permit", { ...explanationDocument(explanation), outcome: "wait" }]) {
      const told = { ...delivery, explanation: { salt, document } };
      await expect(verifyAgreement(behind, "ibm", request.id, told)).rejects.toMatchObject({
        code: "ERR_REQUEST_INVALID",
      });
    }
  });

  test("counts an agreement only when the ledger has it and the decision it was shown", async () => {
    const both = world();
    both.consumer.decision = async () => undefined;
    await negotiate(both.ports, request.id, asset.id).catch(() => undefined);
    const kept = (await both.consumer.agreements.get(key))!;
    expect(await onLedger(both.consumer, kept)).toBe("nothing");
    both.consumer.decision = async () => ({ ...decided(), explanationDigest: "A".repeat(43) });
    expect(await onLedger(both.consumer, kept)).toBe("another");
    // The same explanation, recorded with another policy that was activated after the agreement was verified.
    both.consumer.decision = async () => ({ ...decided(), policyDigest: "A".repeat(43) });
    expect(await onLedger(both.consumer, kept)).toBe("another");
    both.consumer.decision = async () => ({ ...decided(), outcome: "refuse" });
    expect(await onLedger(both.consumer, kept)).toBe("another");
    both.consumer.decision = async () => decided();
    expect(await onLedger(both.consumer, kept)).toBe("the-same");
    const recorded = both.concluded()[0]!;
    for (const change of [{ digest: "A".repeat(43) }, { assetVersion: 2 }, { maxUses: 1 }, { asset: "ibm:other" }]) {
      const concluded = async () => ({ ...recorded, ...change });
      expect(await onLedger({ ...both.consumer, concluded }, kept)).toBe("another");
    }
  });

  test("believes FINALIZED of the provider only, and only once its replica has the very agreement", async () => {
    const { both, delivery } = await delivered();
    await verifyAgreement(both.consumer, "ibm", request.id, delivery);
    const { providerPid, consumerPid, "@context": context } = delivery.message;
    const message = { "@context": context, "@type": "ContractNegotiationEventMessage", providerPid, consumerPid };
    const say = (from: string, eventType: string, concluded?: Conclusion, change: object = {}) =>
      finalizeAgreement({ ...both.consumer, concluded: async () => concluded }, from, request.id, {
        asset: asset.id,
        message: { ...message, eventType, ...change },
      });
    const recorded = conclusionBody((await both.consumer.agreements.get(key))!);
    await expect(say("ge", "FINALIZED", recorded)).rejects.toMatchObject({ code: "ERR_REQUEST_UNKNOWN" });
    await expect(say("ibm", "ACCEPTED", recorded)).rejects.toMatchObject({ code: "ERR_REQUEST_TRANSITION" });
    await expect(say("ibm", "AGREED", recorded)).rejects.toMatchObject({ code: "ERR_REQUEST_INVALID" });
    await expect(say("ibm", "FINALIZED")).rejects.toMatchObject({ code: "ERR_REQUEST_UNREACHABLE" });
    await expect(say("ibm", "FINALIZED", { ...recorded, digest: "A".repeat(43) })).rejects.toMatchObject({
      code: "ERR_REQUEST_INVALID",
    });
    await expect(say("ibm", "FINALIZED", recorded, { providerPid: "x" })).rejects.toMatchObject({
      code: "ERR_REQUEST_TRANSITION",
    });
    expect(await states(both)).toEqual(["REQUESTED", "VERIFIED"]);
    expect(await say("ibm", "FINALIZED", recorded)).toMatchObject({ state: "FINALIZED", providerPid });
    expect(await say("ibm", "FINALIZED", recorded)).toMatchObject({ state: "FINALIZED", providerPid });
  });
});
