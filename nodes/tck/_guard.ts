/**
 * What the connector under test does of its own accord, by the preset id of a dataset or agreement: the behaviour that
 * the official suite (dsp-tck, config/tck) expects. It stands outside the product, which has no such switch.
 */
import {
  agreementMessage,
  counterRequest,
  eventMessage,
  negotiationTermination,
  offerMessage,
  verificationMessage,
} from "../../exchange/negotiation/compose.ts";
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import {
  transferCompletion,
  transferStart,
  transferSuspension,
  transferTermination,
} from "../../exchange/transfers/compose.ts";
import type { TransferMessage } from "../../exchange/transfers/messages.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import type { ProcessRecord } from "../dataspace/process-record.ts";

/** `<state>:<act>`, in this order. */
type Script = readonly string[];

export const PROVIDER_NEGOTIATIONS: Readonly<Record<string, Script>> = {
  ACN0101: ["REQUESTED:offer"],
  ACN0102: ["REQUESTED:offer", "REQUESTED:terminate"],
  ACN0103: ["REQUESTED:offer", "ACCEPTED:agree", "VERIFIED:finalize"],
  ACN0104: ["REQUESTED:agree", "VERIFIED:finalize"],
  ACN0201: ["REQUESTED:terminate"],
  ACN0202: [],
  ACN0203: ["REQUESTED:agree"],
  ACN0204: ["REQUESTED:offer"],
  ACN0205: ["REQUESTED:offer", "OFFERED:terminate"],
  ACN0206: ["REQUESTED:offer", "ACCEPTED:terminate"],
  ACN0207: ["REQUESTED:agree", "VERIFIED:terminate"],
  ACN0301: ["REQUESTED:agree", "VERIFIED:finalize"],
  ACN0302: ["REQUESTED:offer"],
  ACN0303: ["REQUESTED:offer"],
  ACN0304: ["REQUESTED:offer"],
};

const CONSUMER_NEGOTIATIONS: Readonly<Record<string, Script>> = {
  ACNC0101: ["OFFERED:accept", "AGREED:verify"],
  ACNC0102: ["OFFERED:request"],
  ACNC0103: ["OFFERED:terminate"],
  ACNC0104: ["AGREED:verify"],
  ACNC0202: ["REQUESTED:terminate"],
  ACNC0203: ["AGREED:terminate"],
  ACNC0205: ["OFFERED:accept"],
  ACNC0206: ["AGREED:verify"],
  ACNC0304: ["OFFERED:accept"],
  ACNC0305: ["OFFERED:accept"],
  ACNC0306: ["OFFERED:accept"],
};

const TRANSFERS: Readonly<Record<string, Script>> = {
  ATP0101: ["REQUESTED:start", "STARTED:terminate"],
  ATP0102: ["REQUESTED:start", "STARTED:complete"],
  ATP0103: ["REQUESTED:start", "STARTED:suspend", "SUSPENDED:terminate"],
  ATP0104: ["REQUESTED:start", "STARTED:suspend", "SUSPENDED:start", "STARTED:complete"],
  ATP0105: ["REQUESTED:terminate"],
  ATP0201: ["REQUESTED:start"],
  ATP0202: ["REQUESTED:start"],
  ATP0203: ["REQUESTED:start"],
  ATP0303: ["REQUESTED:start"],
  ATP0304: ["REQUESTED:start"],
  ATP0305: ["REQUESTED:start"],
  ATP0306: ["REQUESTED:start"],
  ATPC0201: ["STARTED:terminate"],
  ATPC0202: ["STARTED:complete"],
  ATPC0203: ["STARTED:suspend", "SUSPENDED:terminate"],
  ATPC0205: ["REQUESTED:terminate"],
};

const CAUSE = causeOf("test-ends", "the scenario ends here");

export interface GuardPorts {
  readonly participant: string;
  readonly now: () => string;
  /** The suite listens for a message only once it has seen the state before it. */
  readonly pause: () => Promise<void>;
  /** Has the process moved meanwhile? */
  readonly isCurrent: (record: { readonly pid: string }) => Promise<boolean>;
}

export function createGuard(ports: GuardPorts) {
  const done = new Map<string, number>();

  /** The act that is due in this state, after a pause in which nothing has moved. */
  async function due(record: { readonly pid: string }, script: Script, state: string): Promise<string | undefined> {
    const at = done.get(record.pid) ?? 0;
    const [wanted, act] = script[at]?.split(":") ?? [];
    if (wanted !== state) return undefined;
    await ports.pause();
    if (!(await ports.isCurrent(record))) return undefined;
    done.set(record.pid, at + 1);
    return act;
  }

  return Object.freeze({
    async negotiation(record: ProcessRecord<Negotiation, NegotiationMessage>): Promise<NegotiationMessage | undefined> {
      const { side, peer } = record;
      const { document } = side;
      if (document === undefined) return undefined;
      const { offer, state } = document;
      const scripts = side.role === "provider" ? PROVIDER_NEGOTIATIONS : CONSUMER_NEGOTIATIONS;
      switch (await due(record, scripts[offer.target] ?? [], state)) {
        case "offer":
          return offerMessage(document, offer);
        case "request":
          return counterRequest(document, offer);
        case "accept":
          return eventMessage(document, "ACCEPTED");
        case "agree":
          return agreementMessage(document, {
            "@id": `urn:uuid:${record.pid}`,
            "@type": "Agreement",
            target: offer.target,
            assigner: ports.participant,
            assignee: peer,
            timestamp: ports.now(),
            permission: [{ action: "use" }],
          });
        case "verify":
          return verificationMessage(document);
        case "finalize":
          return eventMessage(document, "FINALIZED");
        case "terminate":
          return negotiationTermination(document, CAUSE);
        default:
          return undefined;
      }
    },
    async transfer(record: ProcessRecord<Transfer, TransferMessage>): Promise<TransferMessage | undefined> {
      const { document } = record.side;
      if (document === undefined) return undefined;
      switch (await due(record, TRANSFERS[document.agreementId] ?? [], document.state)) {
        case "start":
          return transferStart(document, {
            "@type": "DataAddress",
            endpointType: "https://w3id.org/idsa/v4.1/HTTP",
            endpoint: "https://provider.example/data",
          });
        case "suspend":
          return transferSuspension(document, CAUSE);
        case "complete":
          return transferCompletion(document);
        case "terminate":
          return transferTermination(document, CAUSE);
        default:
          return undefined;
      }
    },
  });
}
