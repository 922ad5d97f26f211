/** From decoded JSON of another party to a negotiation message. */
import { Compile } from "typebox/compile";
import type { Problem } from "../../policies/model/problem.ts";
import { NEGOTIATION_MESSAGES, type NegotiationMessage, type NegotiationMessageType } from "./messages.ts";

export type ParsedMessage =
  | { readonly ok: true; readonly message: NegotiationMessage }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const MAX_PROBLEMS = 32;

interface Schema {
  Check(value: unknown): boolean;
  Errors(value: unknown): readonly { readonly instancePath: string; readonly message: string }[];
}
const schemas: ReadonlyMap<string, Schema> = new Map(
  Object.entries(NEGOTIATION_MESSAGES).map(([type, schema]) => [type, Compile(schema)]),
);

/** Never throws. `wanted` narrows to the types an endpoint takes. */
export function parseMessage(value: unknown, wanted?: readonly NegotiationMessageType[]): ParsedMessage {
  const type = typeof value === "object" && value !== null ? (value as { "@type"?: unknown })["@type"] : undefined;
  const allowed = wanted ?? [...schemas.keys()];
  const schema = typeof type === "string" && allowed.some((name) => name === type) ? schemas.get(type) : undefined;
  if (schema === undefined) {
    const detail = `wanted ${allowed.join(" or ")}, got ${JSON.stringify(type) ?? "nothing"}`.slice(0, 500);
    return { ok: false, problems: [{ field: "/@type", code: "message-type", detail }] };
  }
  if (!schema.Check(value)) {
    const problems = schema
      .Errors(value)
      .slice(0, MAX_PROBLEMS)
      .map(({ instancePath, message }) => ({ field: instancePath, code: "message-malformed", detail: message }));
    return { ok: false, problems };
  }
  const message = value as NegotiationMessage;
  const problems = crossProblems(message);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, message };
}

/** What JSON Schema says with oneOf and anyOf of required properties. */
function crossProblems(message: NegotiationMessage): Problem[] {
  const problems: Problem[] = [];
  const add = (field: string, detail: string) => problems.push({ field, code: "message-malformed", detail });
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
