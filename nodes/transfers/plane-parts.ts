/** What both sides of records stand on. */
import type { TransferMessage } from "../../exchange/transfers/messages.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import type { Processes } from "../dataspace/process-ports.ts";
import type { ProcessRecord } from "../dataspace/process-record.ts";
import type { NodeServices } from "../runtime/services.ts";
import type { RecordStore } from "../store/records.ts";
import type { KeptAgreement } from "./agreements.ts";
import type { Endpoints } from "./endpoints.ts";
import type { Wish, Wishes } from "./wishes.ts";

export type KeptTransfer = ProcessRecord<Transfer, TransferMessage>;

export interface PlaneParts {
  readonly services: NodeServices;
  readonly endpoints: Endpoints;
  readonly agreements: RecordStore<KeptAgreement>;
  readonly wishes: Wishes;
  /** Makes a wish, and wakes the transfer that it is about. As Wishes.put. */
  readonly wish: (pid: string, wish: Wish) => Promise<boolean>;
  /** Its engine, which is made around this. */
  readonly transfers: () => Processes<Transfer, TransferMessage>;
}

/** Whoever comes because of a start has taken it, though its acknowledgement may still be on the way. */
export const isStarted = ({ document, sending }: KeptTransfer["side"]): boolean =>
  document?.state === "STARTED" || sending?.["@type"] === "TransferStartMessage";
