import { describe, expect, test } from "vitest";
import { digestOf, saltedDigest } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { signingIdentity, signStatement } from "../../crypto/suites/signed.ts";
import { type LedgerEntry, LedgerError, type SignedTransaction } from "../../ledger/port.ts";
import { asset, draft, request } from "../../policies/_fixture.ts";
import { policyDigest } from "../../policies/model/policy.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import { agreementDigest, offerOf } from "../negotiation/agreement.ts";
import { firstRequest } from "../negotiation/compose.ts";
import { openOffer, withDataRequest } from "../negotiation/data-request.ts";
import type { ContractAgreementMessage, MessageOffer, NegotiationMessage } from "../negotiation/messages.ts";
import { type Negotiation, step } from "../negotiation/negotiation.ts";
import { parseMessage } from "../negotiation/parse-message.ts";
import type { Role } from "../protocol/vocabulary.ts";
import { type AgreePorts, conclude, decideAndAgree, isAgreedIn, nextOfProvider } from "./agree.ts";
import {
  type AgreementRecord,
  agreementKey,
  type Conclusion,
  conclusionBody,
  requestDigest,
} from "./agreement-record.ts";
import { explanationDocument, explanationKey } from "./decide-request.ts";
import type { RequestLife } from "./life.ts";
import type { Explanation, LifeRecord, RecordStore, RequestDocument } from "./ports.ts";
import { mayFinalize, nextOfConsumer, onLedger, type VerifyPorts } from "./verify-agreement.ts";

const policy = policyOf(draft);
const salt = toBase64url(new Uint8Array(32).fill(7));
const provider = signingIdentity("ibm", "intl", new Uint8Array(32).fill(1));
const requester = signingIdentity("government", "intl", new Uint8Array(32).fill(2));
const document: RequestDocument = { document: signStatement(requester, "data-request", request), salt };
const key = agreementKey(request.id, asset.id);
const reference = { "@id": `urn:sealane:request:${request.id}`, request: request.id, digest: requestDigest(document) };
const ownOffer = withDataRequest(offerOf(policy), reference);
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
const submitted = {
  name: "submitted",
  id: request.id,
  requester: "government",
  receiver: request.receiver,
  digest: reference.digest,
  submittedAt: "2026-11-22T08:00:00Z",
  assets: { [asset.id]: { outcome: "pending", reasons: [] } },
  failures: [],
} as const satisfies RequestLife;

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

/** Both sides of one negotiation, and the ledger between them. The requester verifies while the provider waits for it. */
function world(offer: MessageOffer = ownOffer) {
  const records: SignedTransaction[] = [];
  const batches: string[][] = [];
  const said: NegotiationMessage[] = [];
  let negotiation = moved(undefined, "consumer", firstRequest("consumer-1", offer, "urn:sealane:member:government"));
  let hears = true;
  const concluded = () =>
    records
      .filter(({ statement }) => statement.type === "agreement.conclude")
      .map(({ statement }) => statement.body as Conclusion);
  const stores = {
    documents: storeOf({ [request.id]: document }),
    explanations: storeOf({ [explanationKey(request.id, asset.id, "first")]: explanation }),
    lives: storeOf<LifeRecord>({ [request.id]: { life: submitted, position: 0 } }),
  };
  const consumer: { -readonly [K in keyof VerifyPorts]: VerifyPorts[K] } = {
    identity: requester,
    directory: {
      asset: async () => ({ metadataDigest: digestOf(asset), policyDigest: policyDigest(policy) }) as never,
    },
    stores,
    agreements: storeOf<AgreementRecord>(),
    metadata: async () => asset,
    decision: async () => (records.length === 0 ? undefined : decided()),
    concluded: async () => concluded()[0],
  };
  const agreements = storeOf<AgreementRecord>();

  /** Messages as they go over the wire, until neither side has the word. */
  async function talk(): Promise<void> {
    for (;;) {
      const theirs = await nextOfProvider({ stores, agreements, concluded: async () => concluded()[0] }, negotiation);
      if (theirs !== undefined) {
        say("provider", theirs);
        continue;
      }
      const ours = hears ? await nextOfConsumer(consumer, "ibm", negotiation) : undefined;
      if (ours === undefined) return;
      say("consumer", ours);
    }
  }
  function say(by: Role, message: NegotiationMessage): void {
    said.push(message);
    negotiation = moved(negotiation, by, structuredClone(message));
  }

  const ports = {
    network: "network",
    identity: provider,
    ledger: {
      submit: async (all: readonly SignedTransaction[]) => {
        batches.push(all.map(({ statement }) => statement.type));
        for (const one of all) {
          if (records.every(({ statement }) => statement.id !== one.statement.id)) records.push(one);
        }
        return all.map(() => ({}) as LedgerEntry);
      },
    },
    now: () => "2026-11-22T09:00:00Z",
    stores,
    agreements,
    ownAsset: async () => ({ asset, policy }),
    verified: async (kept: AgreementRecord) => {
      await talk();
      return negotiation.state === "VERIFIED" && isAgreedIn(negotiation, kept);
    },
  } as unknown as AgreePorts;
  return {
    ports,
    consumer,
    records,
    batches,
    said,
    concluded,
    talk,
    say,
    negotiation: () => negotiation,
    begin: (pid: string) => {
      negotiation = moved(undefined, "consumer", firstRequest(pid, offer, "urn:sealane:member:government"));
    },
    deafen: (deaf: boolean) => {
      hears = !deaf;
    },
    end: (life: RequestLife) => stores.lives.put(request.id, { life, position: 1 }),
    types: () => said.map((message) => ("eventType" in message ? message.eventType : message["@type"])),
  };
}

function moved(negotiation: Negotiation | undefined, from: Role, message: NegotiationMessage): Negotiation {
  const parsed = parseMessage(message);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const result = step(negotiation, from, parsed.message, "provider-1");
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  return result.document;
}

describe("a negotiation about a data request", () => {
  test("ends FINALIZED with permit and agreement under one signature, and needs three messages after the request", async () => {
    const both = world();
    await decideAndAgree(both.ports, request.id, asset.id);
    expect(both.batches).toEqual([["decision.record", "agreement.conclude"]]);
    expect(new Set(both.records.map(({ signature }) => signature)).size).toBe(1);
    expect(both.types()).toEqual(["ContractAgreementMessage", "ContractAgreementVerificationMessage"]);
    await both.talk();
    expect(both.types().at(-1)).toBe("FINALIZED");
    expect(both.negotiation().state).toBe("FINALIZED");
    const { agreement } = (await both.consumer.agreements.get(key))!.terms;
    expect(both.concluded()).toMatchObject([
      { digest: agreementDigest(agreement), validUntil: "2026-12-31T15:59:59.999Z", maxUses: 10, assetVersion: 1 },
    ]);
    expect(agreement["sealane:request"].digest).toBe(saltedDigest(fromBase64url(salt, "salt", 32), document.document));
  });

  test.each([
    ["digest", digestOf("another")],
    ["consumer", "another"],
    ["asset", "another:asset"],
  ])("is not finalized where the ledger has another %s under its id", async (field, value) => {
    const both = world();
    await decideAndAgree(both.ports, request.id, asset.id);
    const { statement, ...signed } = both.records.pop()!;
    both.records.push({ ...signed, statement: { ...statement, body: { ...statement.body, [field]: value } } } as never);
    await both.talk();
    expect(both.negotiation().termination).toMatchObject({ by: "provider", code: "agreement-mismatch" });
  });

  test("goes on where it was: the decision stands alone where the requester does not verify in time", async () => {
    const both = world();
    both.deafen(true);
    await decideAndAgree(both.ports, request.id, asset.id);
    expect(both.batches).toEqual([["decision.record"]]);
    expect(both.negotiation().state).toBe("AGREED");
    both.deafen(false);
    await conclude(both.ports, request.id, asset.id);
    await conclude(both.ports, request.id, asset.id);
    await both.talk();
    expect(both.records.map(({ statement }) => statement.type)).toEqual(["decision.record", "agreement.conclude"]);
    expect(both.negotiation().state).toBe("FINALIZED");
    expect(both.types()).toHaveLength(3);
  });

  const use = ownOffer.permission![0]!;
  test.each([
    ["does not know the provider's offer", openOffer(asset.id, reference)],
    ["changed a constraint of it", { ...ownOffer, permission: [{ ...use, constraint: use.constraint!.slice(1) }] }],
    ["knows only the version before", withDataRequest(offerOf(policyOf({ ...draft, version: 9 })), reference)],
  ])("is answered with the provider's own offer where the requester %s", async (_what, offer) => {
    const both = world(offer as MessageOffer);
    await decideAndAgree(both.ports, request.id, asset.id);
    await both.talk();
    expect(both.types()).toEqual([
      "ContractOfferMessage",
      "ACCEPTED",
      "ContractAgreementMessage",
      "ContractAgreementVerificationMessage",
      "FINALIZED",
    ]);
    expect(both.negotiation().offer).toEqual(ownOffer);
  });

  test.each([
    ["cancelled", { ...submitted, name: "cancelled", reason: "enough", endedAt: "2026-11-22T09:00:00Z" }],
    ["refused", { ...submitted, assets: { [asset.id]: { outcome: "refuse", reasons: ["purpose-not-allowed"] } } }],
  ])("ends with its cause on both sides when its request is %s", async (what, life) => {
    const both = world();
    await both.end(life as RequestLife);
    await both.talk();
    const cause = {
      cancelled: ["request-cancelled", "enough"],
      refused: ["data-request-refused", "purpose-not-allowed"],
    };
    const [code, reason] = cause[what as keyof typeof cause];
    expect(both.negotiation()).toMatchObject({
      state: "TERMINATED",
      termination: { by: "provider", code, reason: [reason] },
    });
  });

  test("whose policy was replaced before it was recorded ends, and the next one goes on with the new decision", async () => {
    const both = world();
    const { ledger } = both.ports;
    const rejection = { code: "ERR_CONTRACT_POLICY", index: 0 };
    const reject = async () => {
      throw new LedgerError("ERR_LEDGER_REJECTED", "replaced", { rejection });
    };
    await expect(
      decideAndAgree({ ...both.ports, ledger: { ...ledger, submit: reject } }, request.id, asset.id),
    ).rejects.toMatchObject({ code: "ERR_REQUEST_UNREACHABLE" });
    expect(both.negotiation().state).toBe("VERIFIED");
    const again = { ...explanation, salt: toBase64url(new Uint8Array(32).fill(8)), at: "2026-11-22T10:00:00Z" };
    await both.ports.stores.explanations.put(explanationKey(request.id, asset.id, "first"), again);
    both.consumer.decision = async () => (both.records.length === 0 ? undefined : decided(again));
    await decideAndAgree({ ...both.ports, now: () => "2026-11-22T10:00:00Z" }, request.id, asset.id);
    expect(both.negotiation()).toMatchObject({ state: "TERMINATED", termination: { code: "policy-replaced" } });
    both.begin("consumer-2");
    await conclude(both.ports, request.id, asset.id);
    await both.talk();
    expect(both.negotiation()).toMatchObject({ state: "FINALIZED", explanation: { salt: again.salt } });
  });
});

describe("the requester", () => {
  /** Up to the provider's agreement, changed on its way. */
  async function agreed(change: (message: ContractAgreementMessage) => ContractAgreementMessage) {
    const both = world();
    both.deafen(true);
    await both.ports.verified((await drawn(both))!);
    const message = both.said[0] as ContractAgreementMessage;
    const other = world();
    other.say("provider", change(structuredClone(message)));
    return other;
  }
  async function drawn(both: ReturnType<typeof world>): Promise<AgreementRecord | undefined> {
    await decideAndAgree(both.ports, request.id, asset.id);
    return await both.ports.agreements.get(key);
  }
  const withAgreement = (change: object) =>
    agreed((message) => ({ ...message, agreement: { ...message.agreement, ...change } }));

  test.each([
    ["ends later", { "sealane:validUntil": "2027-12-31T00:00:00.000Z" }, "/sealane:validUntil"],
    ["is about another request", { "sealane:request": { id: request.id, digest: "A".repeat(43) } }, "/sealane:request"],
    ["is about another version", { "sealane:assetVersion": 2 }, "/sealane:assetVersion"],
    ["has other terms", { permission: [{ action: "use" }] }, "/permission"],
  ])("breaks off at an agreement that %s, and says what is wrong", async (_what, change, field) => {
    const both = await withAgreement(change);
    await both.talk();
    expect(both.negotiation()).toMatchObject({
      state: "TERMINATED",
      termination: { by: "consumer", code: "agreement-mismatch", reason: [expect.stringContaining(field)] },
    });
    expect(await both.consumer.agreements.get(key)).toBeUndefined();
  });

  test("does not verify a permit of another policy than the one registered, nor what is no permit", async () => {
    const both = await agreed((message) => message);
    const directory = {
      asset: async () => ({ metadataDigest: digestOf(asset), policyDigest: "A".repeat(43) }) as never,
    };
    const behind = { ...both.consumer, directory };
    await expect(nextOfConsumer(behind, "ibm", both.negotiation())).rejects.toMatchObject({
      code: "ERR_REQUEST_UNREACHABLE",
    });
    for (const told of [null, "permit", { ...explanationDocument(explanation), outcome: "wait" }]) {
      const lied = await agreed((message) => ({ ...message, "sealane:explanation": { salt, document: told } }));
      await lied.talk();
      expect(lied.negotiation()).toMatchObject({ state: "TERMINATED", termination: { code: "agreement-mismatch" } });
    }
  });

  test("takes no other offer than the policy that the ledger has in force", async () => {
    const both = world();
    both.say("provider", {
      "@context": both.said[0]?.["@context"] ?? ["https://w3id.org/dspace/2025/1/context.jsonld"],
      "@type": "ContractOfferMessage",
      providerPid: "provider-1",
      consumerPid: "consumer-1",
      offer: withDataRequest(offerOf(policyOf({ ...draft, version: 9 })), reference),
    });
    await expect(both.talk()).rejects.toMatchObject({ code: "ERR_REQUEST_UNREACHABLE" });
  });

  test("counts an agreement only when the ledger has it and the decision it was shown", async () => {
    const both = world();
    both.deafen(true);
    await decideAndAgree(both.ports, request.id, asset.id);
    both.deafen(false);
    await both.talk();
    const kept = (await both.consumer.agreements.get(key))!;
    expect(await onLedger(both.consumer, kept)).toBe("nothing");
    expect(await mayFinalize(both.consumer, both.negotiation())).toBe("not-yet");
    await conclude(both.ports, request.id, asset.id);
    both.consumer.decision = async () => ({ ...decided(), explanationDigest: "A".repeat(43) });
    expect(await onLedger(both.consumer, kept)).toBe("another");
    expect(await mayFinalize(both.consumer, both.negotiation())).toBe("no");
    // The same explanation, recorded with another policy that was activated after the agreement was verified.
    both.consumer.decision = async () => ({ ...decided(), policyDigest: "A".repeat(43) });
    expect(await onLedger(both.consumer, kept)).toBe("another");
    both.consumer.decision = async () => ({ ...decided(), outcome: "refuse" });
    expect(await onLedger(both.consumer, kept)).toBe("another");
    both.consumer.decision = async () => decided();
    expect(await onLedger(both.consumer, kept)).toBe("the-same");
    expect(await mayFinalize(both.consumer, both.negotiation())).toBe("yes");
    const recorded = conclusionBody(kept);
    for (const change of [{ digest: "A".repeat(43) }, { assetVersion: 2 }, { maxUses: 1 }, { asset: "ibm:other" }]) {
      const concluded = async () => ({ ...recorded, ...change });
      expect(await onLedger({ ...both.consumer, concluded }, kept)).toBe("another");
    }
  });
});
