import { expect, test } from "vitest";
import { agreementDigest } from "../../exchange/negotiation/agreement.ts";
import { negotiationTermination, verificationMessage } from "../../exchange/negotiation/compose.ts";
import type { Agreement } from "../../exchange/negotiation/messages.ts";
import type { AgreementRecord } from "../../exchange/requests/agreement-record.ts";
import type { NegotiationRecord } from "./negotiation-index.ts";
import { standingOn, wordOf } from "./negotiation-standing.ts";

const ID = "e8dc8655-44c2-46ef-b701-4cffdc2faa44";
const agreement: Agreement = {
  "@id": `urn:uuid:${ID}`,
  "@type": "Agreement",
  target: "beta:panel",
  assigner: "beta",
  assignee: "alpha",
  timestamp: "2026-11-22T09:00:00Z",
  permission: [{ action: "use" }],
};
const record = (about?: Agreement) => ({ side: { document: { agreement: about } } }) as unknown as NegotiationRecord;
const ledger = (digest: string) => async (id: string) => (id === ID ? { digest } : undefined);
const digest = agreementDigest(agreement);

test("a negotiation is FINALIZED where the ledger has its digest under its id", async () => {
  const { document } = record(agreement).side;
  expect(await standingOn(ledger(digest), record(agreement))).toEqual({ ...document, state: "FINALIZED" });
});

test.each([
  ["the ledger has another digest", ledger("A".repeat(43)), agreement],
  ["the ledger has it under no such id", ledger(digest), { ...agreement, "@id": ID }],
  ["a word of it differs", ledger(digest), { ...agreement, assignee: "gamma" }],
  ["there is none yet", ledger(digest), undefined],
] as const)("it does not where %s", async (_name, concluded, about) => {
  expect(await standingOn(concluded, record(about))).toBeUndefined();
});

const pids = { providerPid: "p", consumerPid: "c" };
const kept = { terms: { agreement } } as unknown as AgreementRecord;
const at = (state: string, sending?: object, about = agreement) =>
  ({
    side: { role: "provider", document: { ...pids, state, agreement: about }, sending },
  }) as unknown as NegotiationRecord;

test.each([
  ["waits", "AGREED", at("AGREED")],
  ["verified", "VERIFIED", at("VERIFIED")],
  ["verified", "FINALIZED", at("FINALIZED")],
  ["over", "TERMINATED", at("TERMINATED")],
  ["waits", "VERIFIED about another agreement", at("VERIFIED", undefined, { ...agreement, assignee: "gamma" })],
  [
    "over",
    "VERIFIED with its end on the way",
    at("VERIFIED", negotiationTermination(pids, { code: "deadline-passed" })),
  ],
  ["verified", "VERIFIED with another message on the way", at("VERIFIED", verificationMessage(pids))],
] as const)("the requester's word is %s in state %s", (word, _state, about) => {
  expect(wordOf(about, kept)).toBe(word);
});
