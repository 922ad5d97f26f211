/** The contract negotiation protocol as one object. */
import { Compile } from "typebox/compile";
import { NEGOTIATION_COLLECTION, NEGOTIATION_PATHS } from "../protocol/paths.ts";
import type { Protocol } from "../protocol/protocol.ts";
import { negotiationDocument } from "./compose.ts";
import { ContractNegotiation, type NegotiationMessage } from "./messages.ts";
import { isNegotiationOver, type Negotiation, negotiationMoves } from "./negotiation.ts";
import { parseMessage } from "./parse-message.ts";

const told = Compile(ContractNegotiation);

export const negotiationProtocol = Object.freeze({
  collection: NEGOTIATION_COLLECTION,
  error: "ContractNegotiationError",
  paths: NEGOTIATION_PATHS,
  moves: negotiationMoves,
  parse: parseMessage,
  callbackOf: (message: NegotiationMessage) =>
    message["@type"] === "ContractRequestMessage" || message["@type"] === "ContractOfferMessage"
      ? message.callbackAddress
      : undefined,
  opensAs: (message: NegotiationMessage) => (message["@type"] === "ContractRequestMessage" ? "consumer" : "provider"),
  isOver: ({ state }: Negotiation) => isNegotiationOver(state),
  answer: negotiationDocument,
  stateOf: (answer: unknown) => (told.Check(answer) ? answer : undefined),
  endOf: ({ termination }: Negotiation) => termination,
  ended: (negotiation, by, { code, reason }) => ({
    ...negotiation,
    state: "TERMINATED",
    termination: { by, code, ...(reason === undefined ? {} : { reason }) },
  }),
} satisfies Protocol<Negotiation, NegotiationMessage>);
