/** The examples of docs/protocol.md §8, in their order, as both sides take them. */
import { readFileSync } from "node:fs";
import { Compile } from "typebox/compile";
import { expect, test } from "vitest";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import { type ErrorDocument, errorDocument } from "../protocol/error-document.ts";
import { consumerPidOf } from "../requests/agreement-record.ts";
import { SealaneAgreement } from "./agreement.ts";
import { negotiationDocument } from "./compose.ts";
import { dataRequestOf, withoutDataRequest } from "./data-request.ts";
import type { ContractAgreementMessage, ContractRequestMessage, NegotiationMessage } from "./messages.ts";
import { type Negotiation, step } from "./negotiation.ts";
import { parseMessage } from "./parse-message.ts";

const page = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");
const [, section = ""] = page.split("## 8. A negotiation, message by message");
type Example = Record<string, unknown> & { readonly "@type": string };
const examples = [...section.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text]) => JSON.parse(text ?? "") as Example);

const answer = examples.find((one) => one["@type"] === "ContractNegotiation")!;
const refusal = examples.find((one) => one["@type"] === "ContractNegotiationError")!;
const said = examples.filter((one) => one !== answer && one !== refusal);
const message = (type: string) => said.find((one) => one["@type"] === type)!;
const request = message("ContractRequestMessage") as unknown as ContractRequestMessage;
const { agreement } = message("ContractAgreementMessage") as unknown as ContractAgreementMessage;

/** Where each message leads, and who says it. */
const EXPECTED = [
  ["consumer", "REQUESTED"],
  ["provider", "OFFERED"],
  ["consumer", "ACCEPTED"],
  ["provider", "AGREED"],
  ["consumer", "VERIFIED"],
  ["provider", "FINALIZED"],
] as const;

function taken(negotiation: Negotiation | undefined, from: "consumer" | "provider", example: Example): Negotiation {
  const parsed = parseMessage(example);
  expect(parsed, JSON.stringify(parsed)).toMatchObject({ ok: true });
  const next = step(negotiation, from, example as unknown as NegotiationMessage, String(answer["providerPid"]));
  if (!next.ok) throw new Error(`${example["@type"]}: ${next.code} ${next.detail}`);
  return next.document;
}

test("lead from the first request to FINALIZED, each with the state that the page names", () => {
  let negotiation: Negotiation | undefined;
  for (const [at, [from, state]] of EXPECTED.entries()) {
    negotiation = taken(negotiation, from, said[at]!);
    expect(negotiation.state).toBe(state);
    if (at === 0) expect(negotiationDocument(negotiation)).toEqual(answer);
  }
  expect(said).toHaveLength(EXPECTED.length + 1);
});

test("end it where the page says so, with a cause that is kept", () => {
  const termination = message("ContractNegotiationTerminationMessage");
  const ended = taken(taken(undefined, "consumer", said[0]!), "provider", termination);
  expect(ended).toMatchObject({ state: "TERMINATED", termination: { by: "provider", code: termination["code"] } });
});

test("name one data request, in offers that are policies without it", () => {
  const offers = [request.offer, message("ContractOfferMessage")["offer"] as typeof request.offer];
  for (const offer of offers) {
    expect(dataRequestOf(offer)).toEqual(dataRequestOf(request.offer));
    expect(parsePolicy(withoutDataRequest(offer))).toMatchObject({ ok: true });
  }
  expect(request.consumerPid).toBe(consumerPidOf(dataRequestOf(request.offer)!.request, request.offer.target, 0));
});

test("agree on the terms of the offer that was accepted, bound to that request", () => {
  expect(Compile(SealaneAgreement).Check(agreement)).toBe(true);
  const { permission, target } = withoutDataRequest(message("ContractOfferMessage")["offer"] as typeof request.offer);
  const reference = dataRequestOf(request.offer)!;
  expect(agreement).toMatchObject({
    ...{ permission, target },
    "sealane:request": { id: reference.request, digest: reference.digest },
  });
});

test("refuse in the form in which this implementation refuses", () => {
  const { code, reason, providerPid, consumerPid } = refusal as unknown as Required<ErrorDocument>;
  const about = { code, reasons: reason };
  expect(errorDocument("ContractNegotiationError", about, { providerPid, consumerPid })).toEqual(refusal);
});
