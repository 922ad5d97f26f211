/** From decoded JSON of another party to a message of a transfer. */
import { createParser } from "../protocol/parse.ts";
import { TRANSFER_MESSAGES, type TransferMessage } from "./messages.ts";

/** Never throws. `wanted` narrows to the types an endpoint takes. */
export const parseTransferMessage = createParser<TransferMessage>(TRANSFER_MESSAGES, () => []);
