/** The suite's side of a scenario, in process: its messages go into the connector's routes, the connector's come here. */
import { randomUUID } from "node:crypto";
import { DATASPACE_PATH } from "../../exchange/protocol/paths.ts";
import { DSP_CONTEXT } from "../../exchange/protocol/vocabulary.ts";
import type { DataspaceClient } from "../dataspace/client.ts";
import { AUTHORIZATION, type Connector, TCK } from "./_connector.ts";

export const ADDRESS = "http://suite.example";

interface Message {
  readonly "@type": string;
  readonly eventType?: string;
  readonly providerPid?: string;
  readonly consumerPid?: string;
}

export interface Call {
  readonly url: string;
  readonly message: Message;
}

/** What the connector's client talks to. Every message is taken; who waits for one gets it. */
export function createInbox(): { readonly client: DataspaceClient; next(): Promise<Call> } {
  const calls: Call[] = [];
  const waiting: ((call: Call) => void)[] = [];
  const client: DataspaceClient = Object.freeze({
    async post(_peer: string, url: string, message: unknown) {
      const call = { url, message: message as Message };
      const waiter = waiting.shift();
      if (waiter === undefined) calls.push(call);
      else waiter(call);
      return { kind: "taken" as const, answer: answerTo(call.message) };
    },
    get: async () => undefined,
  });
  return {
    client,
    next: async () => calls.shift() ?? (await new Promise<Call>((resolve) => waiting.push(resolve))),
  };
}

/** As the suite does: a document for a first message, nothing at all otherwise. */
function answerTo({ "@type": type, consumerPid, providerPid }: Message): unknown {
  if (providerPid !== undefined) return undefined;
  const document = type === "TransferRequestMessage" ? "TransferProcess" : "ContractNegotiation";
  return {
    "@context": [DSP_CONTEXT],
    "@id": randomUUID(),
    "@type": document,
    providerPid: `of-${consumerPid}`,
    consumerPid,
    state: "REQUESTED",
  };
}

const AUTHORIZED = { authorization: AUTHORIZATION };

export async function post(connector: Connector, path: string, payload: object, headers: object = AUTHORIZED) {
  const answer = await connector.app.inject({
    method: "POST",
    url: `${DATASPACE_PATH}/${path}`,
    payload,
    headers: { ...headers },
  });
  return { status: answer.statusCode, body: answer.body === "" ? undefined : (answer.json() as Message) };
}

export async function get(connector: Connector, path: string, headers: object = AUTHORIZED) {
  const answer = await connector.app.inject({
    method: "GET",
    url: `${DATASPACE_PATH}/${path}`,
    headers: { ...headers },
  });
  return { status: answer.statusCode, body: answer.json() as Message & { readonly state?: string } };
}

/** Messages in the suite's form: an id of their own, empty lists of constraints, properties that the schemas do not name. */
const suiteMessage = (type: string, fields: object): Message & Readonly<Record<string, unknown>> => ({
  "@id": randomUUID(),
  "@type": type,
  "@context": [DSP_CONTEXT],
  ...fields,
});

const policy = (type: string, target: string) => ({
  "@type": type,
  "@id": `CD123:${target}:456`,
  target,
  assigner: TCK,
  assignee: TCK,
  permission: [{ action: "use", constraint: [] }],
});
const REASONS = { code: "1", reason: [{ message: "ended by the suite" }] };

/** Path and message of an act within a process. `first`: it begins one. */
export function negotiationAct(act: string, pids: object, target: string): { readonly path: string; message: Message } {
  const of = (path: string, type: string, fields: object) => ({
    path,
    message: suiteMessage(type, { ...pids, ...fields }),
  });
  switch (act) {
    case "request":
      return of("request", "ContractRequestMessage", { offer: policy("Offer", target), callbackAddress: ADDRESS });
    case "counter-request":
      return of("request", "ContractRequestMessage", { offer: policy("Offer", target) });
    case "offer":
      return of("offers", "ContractOfferMessage", { offer: policy("Offer", target) });
    case "accept":
      return of("events", "ContractNegotiationEventMessage", { eventType: "ACCEPTED" });
    case "agree":
      return of("agreement", "ContractAgreementMessage", {
        agreement: { ...policy("Agreement", target), timestamp: "2026-11-22T12:00:00.123456Z" },
        callbackAddress: ADDRESS,
      });
    case "verify":
      return of("agreement/verification", "ContractAgreementVerificationMessage", {});
    case "finalize":
      return of("events", "ContractNegotiationEventMessage", { eventType: "FINALIZED" });
    default:
      return of("termination", "ContractNegotiationTerminationMessage", REASONS);
  }
}

export function transferAct(
  act: string,
  pids: object,
  agreementId: string,
): { readonly path: string; message: Message } {
  const of = (path: string, type: string, fields: object) => ({
    path,
    message: suiteMessage(type, { ...pids, ...fields }),
  });
  switch (act) {
    case "request":
      return of("request", "TransferRequestMessage", {
        agreementId,
        format: "HttpData-PULL",
        callbackAddress: ADDRESS,
      });
    case "start":
      return of("start", "TransferStartMessage", {
        dataAddress: {
          "@type": "DataAddress",
          endpoint: "http://example.com",
          endpointType: "https://w3id.org/idsa/v4.1/HTTP",
        },
      });
    case "complete":
      return of("completion", "TransferCompletionMessage", {});
    case "suspend":
      return of("suspension", "TransferSuspensionMessage", REASONS);
    default:
      return of("termination", "TransferTerminationMessage", REASONS);
  }
}

/** The act of a message of the connector. */
export function actOf({ "@type": type, eventType, providerPid }: Message): string {
  const acts: Readonly<Record<string, string>> = {
    ContractRequestMessage: providerPid === undefined ? "request" : "counter-request",
    ContractOfferMessage: "offer",
    ContractAgreementMessage: "agree",
    ContractAgreementVerificationMessage: "verify",
    ContractNegotiationTerminationMessage: "terminate",
    TransferRequestMessage: "request",
    TransferStartMessage: "start",
    TransferCompletionMessage: "complete",
    TransferSuspensionMessage: "suspend",
    TransferTerminationMessage: "terminate",
  };
  return eventType === undefined ? (acts[type] ?? type) : eventType === "ACCEPTED" ? "accept" : "finalize";
}
