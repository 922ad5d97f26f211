/** The transfer process protocol as one object. */
import { Compile } from "typebox/compile";
import { TRANSFER_COLLECTION, TRANSFER_PATHS } from "../protocol/paths.ts";
import type { Protocol } from "../protocol/protocol.ts";
import { transferDocument } from "./compose.ts";
import { type TransferMessage, TransferProcess } from "./messages.ts";
import { parseTransferMessage } from "./parse-message.ts";
import { isTransferOver, type Transfer, transferMoves } from "./transfer.ts";

const told = Compile(TransferProcess);

export const transferProtocol = Object.freeze({
  collection: TRANSFER_COLLECTION,
  error: "TransferError",
  paths: TRANSFER_PATHS,
  moves: transferMoves,
  parse: parseTransferMessage,
  callbackOf: (message: TransferMessage) =>
    message["@type"] === "TransferRequestMessage" ? message.callbackAddress : undefined,
  opensAs: () => "consumer",
  isOver: ({ state }: Transfer) => isTransferOver(state),
  answer: transferDocument,
  stateOf: (answer: unknown) => (told.Check(answer) ? answer : undefined),
  endOf: ({ state, stopped }: Transfer) => (state === "TERMINATED" ? stopped : undefined),
  ended: (transfer, by, { code, reason }) => ({
    ...transfer,
    state: "TERMINATED",
    source: undefined,
    stopped: { by, code, ...(reason === undefined ? {} : { reason }) },
  }),
} satisfies Protocol<Transfer, TransferMessage>);
