/** Builds the messages of a transfer. */
import { type Cause, context } from "../protocol/vocabulary.ts";
import type {
  DataAddress,
  TransferCompletionMessage,
  TransferProcess,
  TransferRequestMessage,
  TransferStartMessage,
  TransferSuspensionMessage,
  TransferTerminationMessage,
} from "./messages.ts";
import type { Transfer } from "./transfer.ts";

type Pids = Pick<Transfer, "providerPid" | "consumerPid">;
const pids = ({ providerPid, consumerPid }: Pids) => ({ providerPid, consumerPid });

export const transferRequest = (
  about: Pick<TransferRequestMessage, "consumerPid" | "agreementId" | "format" | "callbackAddress" | "dataAddress">,
): TransferRequestMessage => ({ "@context": context(), "@type": "TransferRequestMessage", ...about });

export const transferStart = (transfer: Pids, dataAddress?: DataAddress): TransferStartMessage => ({
  "@context": context(),
  "@type": "TransferStartMessage",
  ...pids(transfer),
  ...(dataAddress === undefined ? {} : { dataAddress }),
});

export const transferCompletion = (transfer: Pids): TransferCompletionMessage => ({
  "@context": context(),
  "@type": "TransferCompletionMessage",
  ...pids(transfer),
});

export const transferSuspension = (transfer: Pids, cause: Cause): TransferSuspensionMessage => ({
  "@context": context(),
  "@type": "TransferSuspensionMessage",
  ...pids(transfer),
  ...cause,
});

/** An end always says why. */
export const transferTermination = (transfer: Pids, cause: Cause): TransferTerminationMessage => ({
  "@context": context(),
  "@type": "TransferTerminationMessage",
  ...pids(transfer),
  ...cause,
});

/** Answer to a request and to a question about the transfer. */
export const transferDocument = (transfer: Transfer): TransferProcess => ({
  "@context": context(),
  "@type": "TransferProcess",
  ...pids(transfer),
  state: transfer.state,
});
