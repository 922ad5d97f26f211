/** The provider's side of transfers: which requests are taken, and what follows from each state. */
import { readAgreement } from "../../chaincode/rules/keys.ts";
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import { transferCompletion, transferStart, transferTermination } from "../../exchange/transfers/compose.ts";
import { httpAddressOf } from "../../exchange/transfers/data-address.ts";
import { PULL, PUSH, SECURE_AGGREGATION } from "../../exchange/transfers/formats.ts";
import type { DataAddress, TransferMessage, TransferRequestMessage } from "../../exchange/transfers/messages.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import type { ProcessRecord } from "../dataspace/process-record.ts";
import type { NodeServices } from "../runtime/services.ts";
import type { RecordStore } from "../store/records.ts";
import { agreementUuid, type KeptAgreement } from "./agreements.ts";
import type { Permission } from "./gate.ts";
import { checkedDestination, checkedPublic } from "./outbound.ts";
import { TransferError } from "./transfer-error.ts";

type Kept = ProcessRecord<Transfer, TransferMessage>;

export interface ProviderDeps {
  readonly ledger: NodeServices["ledger"];
  readonly agreements: RecordStore<KeptAgreement>;
  /** Others can fetch something here. */
  readonly takesCalls: boolean;
  readonly permission: (agreement: KeptAgreement["agreement"], format: string) => Promise<Permission>;
  /** A fresh address of this node's data endpoint. */
  readonly address: (pid: string, agreement: string, holder: string) => DataAddress;
  readonly endpointOf: (member: string) => Promise<string | undefined>;
  /** Pushes that have arrived, by pid. */
  readonly pushed: RecordStore<true>;
  /** Or not at all, where it is suspended now. */
  readonly sendSoon: (pid: string) => void;
}

/** Ends of a release for good: the transfer ends with it. Others may pass, and only refuse the call. */
const FINAL: readonly string[] = ["agreement-revoked", "agreement-expired", "asset-withdrawn", "asset-version-changed"];

export function createProviderTransfers(deps: ProviderDeps) {
  const refusal = (code: string, detail: string) => ({ code, detail });

  async function admits(peer: string, message: TransferMessage) {
    if (message["@type"] !== "TransferRequestMessage") return refusal("transition-not-allowed", "wanted a request");
    if (message.format === SECURE_AGGREGATION) return await aggregation(peer, message);
    const kept = await deps.agreements.get(agreementUuid(message.agreementId));
    if (kept?.role !== "provider" || kept.peer !== peer) {
      return refusal("agreement-unknown", "agreementId: no agreement of this id allows a transfer");
    }
    if (message.format !== PULL && message.format !== PUSH) {
      return refusal("format-unknown", `format: wanted ${PULL} or ${PUSH}, got ${message.format.slice(0, 100)}`);
    }
    if (!deps.takesCalls) {
      return refusal(
        "provider-without-endpoint",
        "this provider takes no calls, and releases no records for want of them",
      );
    }
    const may = await deps.permission(kept.agreement, message.format);
    if (!may.ok) return refusal(may.reason, `the agreement allows no transfer now: ${may.reason}`);
    return message.format === PUSH ? await destination(peer, message) : undefined;
  }

  async function destination(peer: string, { dataAddress }: TransferRequestMessage) {
    const address = httpAddressOf(dataAddress);
    if (address === undefined) {
      return refusal("destination-malformed", "dataAddress: wanted an endpoint and its authorization (bearer)");
    }
    try {
      const url = checkedDestination(address.endpoint);
      const own = await deps.endpointOf(peer);
      if (own === undefined || new URL(own).origin !== url.origin) checkedPublic(url);
      return undefined;
    } catch (error) {
      if (error instanceof TransferError) return refusal(error.reason, error.message);
      throw error;
    }
  }

  /** No record moves in this format, and no message of a transfer does either: says how it goes on, or why it does not. */
  async function aggregation(peer: string, { agreementId }: TransferRequestMessage) {
    const found = await readAgreement(deps.ledger, agreementUuid(agreementId));
    if (found === undefined || found.agreement.consumer !== peer) {
      return refusal("agreement-unknown", "agreementId: no agreement of this id allows a transfer");
    }
    const { request } = found.agreement;
    if (request === undefined) {
      return refusal(
        "data-request-missing",
        "no data request rides on this agreement: it is on records, not on a computation",
      );
    }
    if (found.state === "revoked") return refusal("agreement-revoked", "the agreement was revoked");
    return refusal(
      "computation-follows",
      `the data request ${request} rides on this agreement: its computation is opened on the ledger (computation.open), and its result comes from the receiver`,
    );
  }

  return Object.freeze({
    admits,
    /** A fresh start, in the form that the format wants. */
    start: ({ pid, peer }: Kept, document: Transfer): TransferMessage =>
      transferStart(document, document.format === PULL ? deps.address(pid, document.agreementId, peer) : undefined),
    async next(kept: Kept, document: Transfer): Promise<TransferMessage | undefined> {
      const agreed = await deps.agreements.get(agreementUuid(document.agreementId));
      if (agreed === undefined) return transferTermination(document, causeOf("agreement-unknown"));
      const may = await deps.permission(agreed.agreement, document.format);
      if (!may.ok && (FINAL.includes(may.reason) || document.state === "REQUESTED")) {
        return transferTermination(document, causeOf(may.reason));
      }
      if (document.state === "REQUESTED") return this.start(kept, document);
      if (document.format !== PUSH) return undefined;
      if (document.state === "STARTED" && (await deps.pushed.get(kept.pid)) === true)
        return transferCompletion(document);
      deps.sendSoon(kept.pid);
      return undefined;
    },
  });
}
