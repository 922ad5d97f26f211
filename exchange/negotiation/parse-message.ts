/** From decoded JSON of another party to a negotiation message. */
import type { Problem } from "../../policies/model/problem.ts";
import { createParser, malformed } from "../protocol/parse.ts";
import { NEGOTIATION_MESSAGES, type NegotiationMessage } from "./messages.ts";

/** What JSON Schema says with oneOf and anyOf of required properties. */
function crossProblems(message: NegotiationMessage): Problem[] {
  const problems: Problem[] = [];
  const add = (field: string, detail: string) => problems.push(malformed(field, detail));
  const rules = (field: string, document: { permission?: unknown; prohibition?: unknown }) => {
    if (document.permission === undefined && document.prohibition === undefined) {
      add(field, "wanted permission or prohibition");
    }
  };
  if (message["@type"] === "ContractRequestMessage") {
    rules("/offer", message.offer);
    if ((message.callbackAddress === undefined) === (message.providerPid === undefined)) {
      add("", "wanted exactly one of callbackAddress (first request) and providerPid (later ones)");
    }
  } else if (message["@type"] === "ContractOfferMessage") {
    rules("/offer", message.offer);
    if ((message.callbackAddress === undefined) === (message.consumerPid === undefined)) {
      add("", "wanted exactly one of callbackAddress (first offer) and consumerPid (later ones)");
    }
  } else if (message["@type"] === "ContractAgreementMessage") {
    rules("/agreement", message.agreement);
    if (Number.isNaN(Date.parse(message.agreement.timestamp))) add("/agreement/timestamp", "no such instant");
  }
  return problems;
}

/** Never throws. `wanted` narrows to the types an endpoint takes. */
export const parseMessage = createParser<NegotiationMessage>(NEGOTIATION_MESSAGES, crossProblems);
