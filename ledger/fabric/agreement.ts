/**
 * Which transactions of a block are valid is under nobody's signature there. So the node follows the blocks of a second
 * organisation's peer too, over a connection under that organisation's pinned roots, and takes a block when both peers hold
 * the same one with the same flags (docs/decisions/233).
 */
import { setTimeout as pause } from "node:timers/promises";
import type { common } from "@hyperledger/fabric-protos";
import { type BlockParts, claimOfBlock } from "../audit/fabric-block.ts";
import type { ChannelConfig } from "../audit/fabric-channel.ts";
import { createBell } from "../embedded/bell.ts";
import { LedgerError } from "../port.ts";
import type { AskedPeer } from "./peers.ts";

export interface AgreementOptions {
  /** One of each organisation. */
  readonly peers: readonly Pick<AskedPeer, "mspId" | "blocks">[];
  readonly signal: AbortSignal;
  /** How long the others together have for one block: they may be some blocks behind, or starting. Default 10 s. */
  readonly patienceMs?: number;
  /** Before one that failed is asked again; default 50 ms. */
  readonly pauseMs?: number;
}

export interface Agreement {
  /**
   * `mspId` is the organisation whose peer handed over `block`; `config` is in force after it. One block at a time. Asks nobody
   * where the profile names no other organisation of the channel as it was. Throws LedgerError ERR_LEDGER_FORK, or _UNREACHABLE.
   */
  demand(block: BlockParts, mspId: string, config: ChannelConfig): Promise<void>;
  /** Resolves when this block or a later one was demanded and found the same, or the signal aborts. */
  until(block: number): Promise<void>;
}

type Claim = ReturnType<typeof claimOfBlock>;

/** The blocks of one peer, open from block to block. */
interface Stream {
  readonly mspId: string;
  /** Number of the block that it gives next. */
  next: number;
  readonly blocks: AsyncIterator<common.Block>;
  stop(): void;
}

export function createAgreement({ peers, signal, patienceMs = 10_000, pauseMs = 50 }: AgreementOptions): Agreement {
  let stream: Stream | undefined;
  let agreed = -1;
  const bell = createBell();

  /** Who answered last is asked first. */
  const isFollowed = ({ mspId }: { readonly mspId: string }): boolean => mspId === stream?.mspId;

  function open({ mspId, blocks }: AgreementOptions["peers"][number], from: number): Stream {
    const ended = new AbortController();
    const given = blocks(from, AbortSignal.any([signal, ended.signal]));
    return { mspId, next: from, blocks: given[Symbol.asyncIterator](), stop: () => ended.abort() };
  }

  async function claimed(other: AgreementOptions["peers"][number], number: number, withinMs: number): Promise<Claim> {
    if (stream?.mspId !== other.mspId || stream.next !== number) {
      stream?.stop();
      stream = open(other, number);
    }
    const followed = stream;
    const timer = setTimeout(followed.stop, withinMs);
    try {
      const { value, done } = await followed.blocks.next();
      if (done === true) throw unreachable(`${other.mspId} ended its stream of blocks`);
      const claim = claimOfBlock(value);
      if (claim.number !== number) throw unreachable(`${other.mspId} gave block ${claim.number} for ${number}`);
      followed.next = number + 1;
      return claim;
    } catch (error) {
      followed.stop();
      if (stream === followed) stream = undefined;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async function demand(block: BlockParts, mspId: string, config: ChannelConfig): Promise<void> {
    await compare(block, mspId, config);
    agreed = Math.max(agreed, block.number);
    bell.ring();
  }

  async function until(block: number): Promise<void> {
    while (agreed < block && !signal.aborted) await bell.wait(signal);
  }

  async function compare(block: BlockParts, mspId: string, config: ChannelConfig): Promise<void> {
    const all = peers.filter((peer) => peer.mspId !== mspId && config.rootsOf(peer.mspId).length > 0);
    const others = [...all.filter(isFollowed), ...all.filter((peer) => !isFollowed(peer))];
    if (others.length === 0) return;
    const patience = AbortSignal.timeout(patienceMs);
    let cause: unknown;
    for (let tried = 0; !patience.aborted && !signal.aborted; tried += 1) {
      const other = others[tried % others.length]!;
      let claim: Claim | undefined;
      try {
        claim = await claimed(other, block.number, Math.ceil(patienceMs / others.length));
      } catch (error) {
        cause = error;
      }
      if (claim !== undefined) return demandSame(block, claim, mspId, other.mspId);
      if (tried % others.length === others.length - 1) await pause(pauseMs, undefined, { signal });
    }
    const names = others.map((peer) => peer.mspId).join(", ");
    throw unreachable(`block ${block.number}: no peer of another organisation (${names}) hands it over`, cause);
  }
  return Object.freeze({ demand, until });
}

function demandSame(block: BlockParts, claim: Claim, own: string, other: string): void {
  const { number, envelopes, flags } = block;
  const isSame =
    claim.hash === block.hash && flags.length === envelopes.length && Buffer.compare(claim.flags, flags) === 0;
  if (isSame) return;
  const what = claim.hash === block.hash ? "say of other transactions that they are valid" : "hold different blocks";
  throw new LedgerError("ERR_LEDGER_FORK", `fabric: block ${number}: peers of ${own} and ${other} ${what}`);
}

const unreachable = (detail: string, cause?: unknown): LedgerError =>
  new LedgerError("ERR_LEDGER_UNREACHABLE", `fabric: ${detail}`, { cause });
