/** What members and coordinators send: size, schema and refusal, before and after a role has judged it. */
import { SecaggError } from "../../crypto/secagg/errors.ts";
import { checkMessage, MESSAGES, type Message, type MessageType, maximumBytes } from "../../crypto/secagg/messages.ts";
import type { Signed } from "../../crypto/suites/signed.ts";
import { ComputationError } from "../../exchange/computations/errors.ts";
import type { CoordinatorRole } from "./coordinator-role.ts";

/** The statement of its author that a message carries. */
export function signedPart(message: Message): Signed<unknown> | undefined {
  switch (message.type) {
    case "keys":
      return message.keys;
    case "reveal":
      return message.reveal;
    case "shares":
      return message.shares;
    case "accept":
      return message.accept;
    case "contribution-1":
    case "contribution-2":
      return message.header;
    case "view-1":
    case "view-2":
      return message.view;
    case "unmask-1":
    case "unmask-2":
      return message.unmask;
    default:
      return undefined;
  }
}

/** By the declared type; an unknown type is refused by its schema afterwards. */
export function maximumBytesOf(value: unknown, size: CoordinatorRole["size"]): number {
  const { type } = value as { type: string };
  return maximumBytes((Object.hasOwn(MESSAGES, type) ? type : "keys") as MessageType, size);
}

/** Throws ERR_COMPUTATION_MESSAGE for what is no message of this computation. */
export function checked(value: unknown, computation: string): Message {
  let message: Message;
  try {
    message = checkMessage(value);
  } catch (error) {
    throw refusal(error);
  }
  if (message.computation === computation) return message;
  throw new ComputationError("ERR_COMPUTATION_MESSAGE", `computation: the message is of ${message.computation}`);
}

/** A role's refusal as this node's own error. */
export async function refusing(feed: () => Promise<void>): Promise<void> {
  try {
    await feed();
  } catch (error) {
    throw refusal(error);
  }
}

const refusal = (error: unknown): unknown =>
  error instanceof SecaggError
    ? new ComputationError(REFUSALS[error.code] ?? "ERR_COMPUTATION_MESSAGE", error.message, { cause: error })
    : error;

const REFUSALS: { readonly [C in SecaggError["code"]]?: ComputationError["code"] } = {
  ERR_SECAGG_SIZE: "ERR_COMPUTATION_SIZE",
  ERR_SECAGG_ORDER: "ERR_COMPUTATION_CHUNK",
};
