/** What a connection profile pins of a channel: the hash of its first block. */
import { readBlockParts } from "../audit/fabric-block.ts";
import { readChannelConfig } from "../audit/fabric-channel.ts";
import { FabricFault } from "../audit/fabric-fault.ts";
import { LedgerError } from "../port.ts";

export interface Genesis {
  readonly channel: string;
  /** base64url SHA-256 of the header: the profile's `genesis`. */
  readonly genesis: string;
  /** MSP ids, those of the ordering service among them. */
  readonly organisations: readonly string[];
}

/** `bytes` is a common.Block. Throws LedgerError ERR_LEDGER_PROFILE; `file` is for the message. */
export function readGenesis(bytes: Uint8Array, file: string): Genesis {
  try {
    const { number, hash, envelopes } = readBlockParts(bytes);
    if (number !== 0) throw new LedgerError("ERR_LEDGER_PROFILE", `${file}: expected block 0, got block ${number}`);
    const { channel, organisations } = readChannelConfig(envelopes[0] ?? new Uint8Array());
    return { channel, genesis: hash, organisations: organisations() };
  } catch (cause) {
    if (!(cause instanceof FabricFault)) throw cause;
    throw new LedgerError("ERR_LEDGER_PROFILE", `${file}: no first block of a channel: ${cause.message}`, { cause });
  }
}
