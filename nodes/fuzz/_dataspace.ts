/** What is different about the routes of the Dataspace Protocol: who calls, what a refusal is, and messages to spoil. */
import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import {
  agreementMessage,
  counterRequest,
  eventMessage,
  firstRequest,
  negotiationTermination,
  offerMessage,
  verificationMessage,
} from "../../exchange/negotiation/compose.ts";
import { withDataRequest } from "../../exchange/negotiation/data-request.ts";
import { ERROR_TYPES } from "../../exchange/protocol/error-document.ts";
import { DATASPACE_PATH } from "../../exchange/protocol/paths.ts";
import { context } from "../../exchange/protocol/vocabulary.ts";
import {
  transferCompletion,
  transferRequest,
  transferStart,
  transferSuspension,
  transferTermination,
} from "../../exchange/transfers/compose.ts";
import { participantToken } from "../dataspace/participant-token.ts";
import type { RouteFacts } from "../http/route-facts.ts";
import { systemEffects } from "../runtime/effects.ts";

const pids = { providerPid: "pid-1", consumerPid: "pid-2" };
const offer = { "@id": "offer-1", "@type": "Offer" as const, target: "alpha:panel", permission: [{ action: "use" }] };
const agreement = {
  ...offer,
  "@type": "Agreement" as const,
  assigner: "alpha",
  assignee: "ministry",
  timestamp: "2026-11-22T12:00:00Z",
};
const callbackAddress = "https://127.0.0.1:1/dsp/2025-1";
const reference = {
  "@id": `${callbackAddress}/requests/1b36f79e-40cf-88ce-8c28-7bc08bd120e2`,
  request: "1b36f79e-40cf-88ce-8c28-7bc08bd120e2",
  digest: "A".repeat(43),
};
const cause = { code: "enough", reason: ["for now"] };

/** By the last segment of the path. */
const SAMPLES: Readonly<Record<string, readonly object[]>> = {
  request: [
    firstRequest("pid-2", offer, callbackAddress),
    firstRequest("pid-3", withDataRequest(offer, reference), callbackAddress),
    counterRequest(pids, offer),
    transferRequest({ consumerPid: "pid-2", agreementId: "a", format: "HttpData-PULL", callbackAddress }),
    { "@context": context(), "@type": "CatalogRequestMessage" },
  ],
  offers: [offerMessage(pids, offer)],
  agreement: [agreementMessage(pids, agreement)],
  verification: [verificationMessage(pids)],
  events: [eventMessage(pids, "ACCEPTED"), eventMessage(pids, "FINALIZED")],
  termination: [negotiationTermination(pids, cause), transferTermination(pids, cause)],
  start: [transferStart(pids)],
  completion: [transferCompletion(pids)],
  suspension: [transferSuspension(pids, cause)],
  waiting: [
    { letters: [], waitMs: 0 },
    { letters: [{}], waitMs: 1 },
  ],
};

export const isDataspace = ({ url }: Pick<RouteFacts, "url">): boolean => url.startsWith(`${DATASPACE_PATH}/`);

export const dataspaceSamples = ({ url }: Pick<RouteFacts, "url">): readonly object[] =>
  SAMPLES[url.split("/").at(-1) ?? ""] ?? [];

export function dataspaceCredentials(
  identity: SigningIdentity,
  about: { readonly audience: string; readonly method: string; readonly target: string; readonly body: Uint8Array },
  isWrong: boolean,
): string {
  const token = participantToken(identity, about, systemEffects);
  return isWrong ? `${token.slice(0, -6)}AAAAAA` : token;
}

const STATUSES: readonly number[] = [400, 404, 405, 408, 409, 413, 415, 429, 503];

export function isDataspaceRefusal(status: number, body: string): boolean {
  const { "@type": type, code } = JSON.parse(body) as { readonly "@type"?: string; readonly code?: unknown };
  return ERROR_TYPES.some((one) => one === type) && typeof code === "string" && STATUSES.includes(status);
}
