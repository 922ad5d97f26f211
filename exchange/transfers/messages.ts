/** Messages of the DSP 2025-1 transfer process protocol (transfer/*-schema.json), tightened by size limits. */
import { type Static, Type } from "typebox";
import { literals } from "../../policies/model/vocabulary.ts";
import { Address, Id, message, Pids, Reasons } from "../protocol/vocabulary.ts";

export const TRANSFER_STATES = ["REQUESTED", "STARTED", "SUSPENDED", "COMPLETED", "TERMINATED"] as const;
export type TransferState = (typeof TRANSFER_STATES)[number];

/** Where data are fetched from, or sent to, and with what: `authorization` is a secret. */
export const DataAddress = Type.Object({
  "@type": Type.Literal("DataAddress"),
  endpointType: Type.String({ maxLength: 512 }),
  endpoint: Type.Optional(Address),
  endpointProperties: Type.Optional(
    Type.Array(
      Type.Object({
        "@type": Type.Literal("EndpointProperty"),
        name: Type.String({ maxLength: 256 }),
        value: Type.String({ maxLength: 16_384 }),
      }),
      { maxItems: 64 },
    ),
  ),
});

export const TransferRequestMessage = message("TransferRequestMessage", {
  agreementId: Id,
  format: Type.String({ minLength: 1, maxLength: 512 }),
  /** Only for formats in which the provider sends. */
  dataAddress: Type.Optional(DataAddress),
  callbackAddress: Address,
  consumerPid: Id,
});
/** The provider's carries the address that the consumer fetches from. */
export const TransferStartMessage = message("TransferStartMessage", {
  ...Pids,
  dataAddress: Type.Optional(DataAddress),
});
export const TransferCompletionMessage = message("TransferCompletionMessage", Pids);
export const TransferSuspensionMessage = message("TransferSuspensionMessage", { ...Pids, ...Reasons });
export const TransferTerminationMessage = message("TransferTerminationMessage", { ...Pids, ...Reasons });
/** Where a transfer stands: the answer to a request, and to a question. */
export const TransferProcess = message("TransferProcess", { ...Pids, state: literals(TRANSFER_STATES) });

/** What moves a transfer. */
export const TRANSFER_MESSAGES = {
  TransferRequestMessage,
  TransferStartMessage,
  TransferCompletionMessage,
  TransferSuspensionMessage,
  TransferTerminationMessage,
} as const;

export type DataAddress = Static<typeof DataAddress>;
export type TransferRequestMessage = Static<typeof TransferRequestMessage>;
export type TransferStartMessage = Static<typeof TransferStartMessage>;
export type TransferCompletionMessage = Static<typeof TransferCompletionMessage>;
export type TransferSuspensionMessage = Static<typeof TransferSuspensionMessage>;
export type TransferTerminationMessage = Static<typeof TransferTerminationMessage>;
export type TransferProcess = Static<typeof TransferProcess>;
export type TransferMessage =
  | TransferRequestMessage
  | TransferStartMessage
  | TransferCompletionMessage
  | TransferSuspensionMessage
  | TransferTerminationMessage;
