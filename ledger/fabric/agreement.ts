/**
 * Which transactions of a block are valid is under nobody's signature there. So a second organisation's peer is asked for
 * the same block, and must state the same flags before the replica takes it.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { BlockParts } from "../audit/fabric-block.ts";
import type { ChannelConfig } from "../audit/fabric-channel.ts";
import { FabricFault } from "../audit/fabric-fault.ts";
import { type PeerStatement, statedBlock, verifyStatement } from "../audit/fabric-statement.ts";
import { LedgerError } from "../port.ts";
import type { AskedPeer } from "./peers.ts";

export interface AgreementOptions {
  /** One of each organisation. */
  readonly peers: readonly Pick<AskedPeer, "mspId" | "statement">[];
  readonly signal: AbortSignal;
  /** How often the others are asked, with a pause between: they may be some blocks behind. Default 200 and 50 ms. */
  readonly tries?: number;
  readonly pauseMs?: number;
}

export interface Agreement {
  /**
   * `mspId` is the organisation whose peer handed over `block`; `config` is in force after it. Asks nobody where the profile
   * names no other organisation of the channel as it was. Throws LedgerError ERR_LEDGER_FORK, or _UNREACHABLE.
   */
  demand(block: BlockParts, mspId: string, config: ChannelConfig): Promise<void>;
}

export function createAgreement({ peers, signal, tries = 200, pauseMs = 50 }: AgreementOptions): Agreement {
  /** Who answered last is asked first. */
  let order = [...peers];

  async function demand(block: BlockParts, mspId: string, config: ChannelConfig): Promise<void> {
    const others = order.filter((peer) => peer.mspId !== mspId && config.rootsOf(peer.mspId).length > 0);
    if (others.length === 0) return;
    let cause: unknown;
    for (let tried = 0; tried < tries && !signal.aborted; tried += 1) {
      const other = others[tried % others.length]!;
      try {
        const stated = read(await other.statement(block.number), config);
        order = [other, ...order.filter((peer) => peer !== other)];
        return demandSame(block, stated, mspId, other.mspId);
      } catch (error) {
        if (error instanceof LedgerError && error.code === "ERR_LEDGER_FORK") throw error;
        cause = error;
      }
      if (tried % others.length === others.length - 1) await pause(pauseMs, undefined, { signal });
    }
    const names = others.map((peer) => peer.mspId).join(", ");
    throw new LedgerError(
      "ERR_LEDGER_UNREACHABLE",
      `fabric: block ${block.number}: no peer of another organisation (${names}) states it`,
      { cause },
    );
  }
  return Object.freeze({ demand });
}

/** A certificate of now may not be one of an old configuration: TLS under the profile's roots says who speaks. */
function read(statement: PeerStatement, config: ChannelConfig): BlockParts {
  try {
    return verifyStatement(statement, config).block;
  } catch (error) {
    if (error instanceof FabricFault && error.code === "fabric-certificate") return statedBlock(statement);
    throw error;
  }
}

function demandSame(block: BlockParts, stated: BlockParts, own: string, other: string): void {
  const { number, envelopes, flags } = block;
  const same =
    stated.hash === block.hash && flags.length === envelopes.length && Buffer.compare(stated.flags, flags) === 0;
  if (same) return;
  const what = stated.hash === block.hash ? "say of other transactions that they are valid" : "hold different blocks";
  throw new LedgerError("ERR_LEDGER_FORK", `fabric: block ${number}: peers of ${own} and ${other} ${what}`);
}
