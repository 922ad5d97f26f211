import { expect, test } from "vitest";
import { keys } from "../../chaincode/rules/keys.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { DSP_CONTEXT } from "../../exchange/protocol/vocabulary.ts";
import type { AgreementDelivery } from "../../exchange/requests/agreement-record.ts";
import { PeerError } from "../peer/peer-error.ts";
import type { Context } from "./context.ts";
import type { RelayedAnswer } from "./peer-messages.ts";
import { relayAgreement, relayEvent, serveThroughRelay, takeAnswer } from "./relay.ts";

const REQUEST = "1b36f79e-40cf-88ce-8c28-7bc08bd120e2";

const PIDS = { "@context": [DSP_CONTEXT], providerPid: "urn:uuid:p", consumerPid: "urn:uuid:c" };
const FINALIZED = { ...PIDS, "@type": "ContractNegotiationEventMessage", eventType: "FINALIZED" };
const VERIFICATION = { ...PIDS, "@type": "ContractAgreementVerificationMessage" };
const NEGOTIATION = { ...PIDS, "@type": "ContractNegotiation", state: "FINALIZED" };
const WAITING = { code: "ERR_REQUEST_UNREACHABLE" };

/** The operator's part of a context: its replica has one request of the ministry. */
function operator() {
  const kept = new Map<string, unknown>();
  const onLedger = { request: REQUEST, requester: "ministry", assets: ["alpha:panel", "beta:panel"] };
  const ctx = {
    services: { ledger: { get: async (key: string) => (key === keys.request(REQUEST) ? onLedger : undefined) } },
    stores: {
      relayedAgreements: {
        get: async (id: string) => kept.get(id),
        put: async (id: string, value: unknown) => void kept.set(id, value),
        delete: async (id: string) => void kept.delete(id),
      },
    },
  } as unknown as Context;
  const deliver = (from: string, asset: string, { provider = from, assignee = "ministry", request = REQUEST } = {}) =>
    relayAgreement(ctx, from, request, {
      asset: { id: asset, provider },
      message: { agreement: { assignee } },
    } as AgreementDelivery);
  const alphas = (version: number) =>
    ({
      asset: { id: "alpha:panel", provider: "alpha", version },
      message: { agreement: { assignee: "ministry" } },
    }) as AgreementDelivery;
  const answer = (version: number, said: unknown) =>
    takeAnswer(ctx, "ministry", REQUEST, {
      asset: "alpha:panel",
      digest: digestOf(alphas(version)),
      answer: said as RelayedAnswer["answer"],
    });
  return {
    kept,
    deliver,
    answer,
    deliverVersion: (version: number) => relayAgreement(ctx, "alpha", REQUEST, alphas(version)),
    finalize: () => relayEvent(ctx, "alpha", REQUEST, { asset: "alpha:panel", message: FINALIZED }),
  };
}

test("an agreement waits at the operator for the requester to fetch it", async () => {
  const { kept, deliver } = operator();
  await expect(deliver("alpha", "alpha:panel")).rejects.toMatchObject({ code: "ERR_REQUEST_UNREACHABLE" });
  expect([...kept.keys()]).toEqual([`${REQUEST}/alpha:panel`]);
});

test("nobody takes the place of another provider's agreement, whatever the delivery says of itself", async () => {
  const { kept, deliver } = operator();
  await expect(deliver("alpha", "alpha:panel")).rejects.toMatchObject({ code: "ERR_REQUEST_UNREACHABLE" });
  const before = structuredClone(kept);
  await expect(deliver("mallory", "alpha:panel")).rejects.toMatchObject({ code: "ERR_REQUEST_FORBIDDEN" });
  expect(kept).toEqual(before);
});

test("only what the ledger's request names is kept, for its requester", async () => {
  const { kept, deliver } = operator();
  const other = "00000000-0000-4000-8000-000000000000";
  for (const attempt of [
    deliver("mallory", "mallory:panel"),
    deliver("alpha", "alpha:panel", { assignee: "mallory" }),
    deliver("alpha", "alpha:panel", { request: other }),
  ]) {
    await expect(attempt).rejects.toMatchObject({ code: "ERR_REQUEST_FORBIDDEN" });
  }
  expect(kept.size).toBe(0);
});

test("an answer is to the delivery that it names, and to no other of the same asset", async () => {
  const { deliverVersion, answer, finalize } = operator();
  await expect(deliverVersion(1)).rejects.toMatchObject(WAITING);
  await answer(1, VERIFICATION);
  expect(await deliverVersion(1)).toEqual(VERIFICATION);
  await expect(finalize()).rejects.toMatchObject(WAITING);
  await expect(deliverVersion(2)).rejects.toMatchObject(WAITING);
  await expect(deliverVersion(2)).rejects.toMatchObject(WAITING);
  await expect(finalize()).rejects.toMatchObject({ code: "ERR_REQUEST_UNKNOWN" });
  for (const late of [VERIFICATION, NEGOTIATION, { refused: "ERR_REQUEST_INVALID" }]) {
    await expect(answer(1, late)).rejects.toMatchObject({ code: "ERR_REQUEST_UNKNOWN" });
  }
  await expect(answer(2, NEGOTIATION)).rejects.toMatchObject({ code: "ERR_REQUEST_TRANSITION" });
  await answer(2, VERIFICATION);
  await expect(finalize()).rejects.toMatchObject(WAITING);
  await answer(2, NEGOTIATION);
  expect(await finalize()).toEqual(NEGOTIATION);
});

test("a refusal reaches the provider once; what it sends then is judged anew", async () => {
  const { deliverVersion, answer, finalize } = operator();
  const refused = { refused: "ERR_REQUEST_INVALID" };
  await expect(deliverVersion(1)).rejects.toMatchObject(WAITING);
  await answer(1, refused);
  await expect(deliverVersion(1)).rejects.toMatchObject({ code: "ERR_REQUEST_INVALID" });
  await expect(deliverVersion(1)).rejects.toMatchObject(WAITING);
  await answer(1, VERIFICATION);
  await expect(finalize()).rejects.toMatchObject(WAITING);
  await answer(1, refused);
  await expect(finalize()).rejects.toMatchObject({ code: "ERR_REQUEST_INVALID" });
  await expect(finalize()).rejects.toMatchObject(WAITING);
  await answer(1, NEGOTIATION);
  expect(await finalize()).toEqual(NEGOTIATION);
});

test("what one provider sends through the relay does not keep the requester from answering the others", async () => {
  const said: RelayedAnswer[] = [];
  const waiting = (provider: string, event?: unknown) => ({
    from: provider,
    digest: digestOf(provider),
    delivery: { asset: { id: `${provider}:panel`, provider } },
    ...(event === undefined ? {} : { event: { asset: `${provider}:panel`, message: event } }),
  });
  const agreements = [waiting("alpha"), waiting("beta", FINALIZED), waiting("gamma", FINALIZED)];
  const peers = {
    async call(_to: unknown, { method, path, body }: { method: string; path: string; body?: unknown }) {
      if (method === "GET") return { agreements };
      if (!path.endsWith("/answers")) return { accepted: true };
      said.push(body as RelayedAnswer);
      if (said.length > 1) return { accepted: true };
      throw new PeerError("ERR_PEER_REFUSED", "gave way", { answer: { status: 404, code: "ERR_REQUEST_UNKNOWN" } });
    },
  };
  const record = (provider: string, state: string) => ({
    request: REQUEST,
    asset: `${provider}:panel`,
    delivery: { asset: { provider } },
    negotiation: { ...PIDS, state, offer: { target: `${provider}:panel` } },
  });
  const kept = { "beta:panel": record("beta", "VERIFIED"), "gamma:panel": record("gamma", "FINALIZED") };
  const ctx = {
    services: {
      member: "ministry",
      members: { target: async (id: string) => id },
      peers,
      ledger: { get: async (key: string) => (key === keys.network ? { operator: "operator" } : undefined) },
      log: { debug: () => undefined, warn: () => undefined },
    },
    party: { identity: { member: "ministry" } },
    // The replica has nothing yet of what beta says that it concluded.
    facts: { member: async () => undefined, decision: async () => undefined },
    stores: {
      lives: { get: async () => ({ life: { name: "submitted", id: REQUEST, requester: "ministry" } }) },
      documents: { get: async () => ({}) },
      agreements: { get: async (key: string) => kept[key.slice(REQUEST.length + 1) as keyof typeof kept] },
    },
  } as unknown as Context;
  expect(await serveThroughRelay(ctx, REQUEST)).toBe(true);
  expect(said).toMatchObject([
    { asset: "alpha:panel", digest: digestOf("alpha"), answer: { refused: "ERR_REQUEST_INVALID" } },
    { asset: "gamma:panel", digest: digestOf("gamma"), answer: { "@type": "ContractNegotiation" } },
  ]);
});
