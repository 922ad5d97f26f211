/**
 * Verifies, block by block, that the ordering service signed what a peer hands over, under the channel's configuration as
 * it changes. It begins at the channel's first block, whose hash the profile pins, or at the configuration that this node
 * held when it stopped, by its hash; the organisations' roots there are those that the profile pins.
 */
import { X509Certificate } from "node:crypto";
import { common } from "@hyperledger/fabric-protos";
import { type BlockParts, partsOfBlock, verifyOrder } from "../audit/fabric-block.ts";
import { type ChannelConfig, readChannelConfig } from "../audit/fabric-channel.ts";
import { FabricFault } from "../audit/fabric-fault.ts";
import { LedgerError } from "../port.ts";
import type { FabricProfile } from "./profile.ts";

/** Where a configuration stands: number of its block, and hash of the header. */
export interface ConfigPlace {
  readonly block: number;
  readonly hash: string;
}

export interface InForce extends ConfigPlace {
  readonly config: ChannelConfig;
}

export interface Order {
  /**
   * The configuration in force after it. Blocks come in order. Throws LedgerError ERR_LEDGER_CORRUPT, or _PROFILE where another
   * first block or other roots are pinned.
   */
  verify(block: common.Block): InForce;
  /** In force now; undefined before the first block. */
  inForce(): InForce | undefined;
}

/** `fetch` gets a block by its number; `held` is the configuration in force after this node's last block, undefined for none. */
export async function openOrder(
  profile: FabricProfile,
  held: ConfigPlace | undefined,
  fetch: (block: number) => Promise<common.Block>,
): Promise<Order> {
  let current = held === undefined ? undefined : await configAt(profile, held, fetch);

  function first(parts: BlockParts): InForce {
    if (parts.number !== 0 || parts.hash !== profile.genesis) {
      throw new LedgerError(
        "ERR_LEDGER_PROFILE",
        `genesis: expected a first block ${profile.genesis}, the peer has block ${parts.number} ${parts.hash}; another channel, or a peer that lies`,
      );
    }
    const config = configIn(parts);
    demandPinned(profile, config);
    return { config, block: parts.number, hash: parts.hash };
  }

  return Object.freeze({
    inForce: () => current,
    verify(block: common.Block) {
      const parts = readParts(block);
      current = current === undefined ? first(parts) : after(parts, current);
      return current;
    },
  });
}

function after(parts: BlockParts, before: InForce): InForce {
  const { lastConfig } = faulty(parts.number, () => verifyOrder(parts, before.config));
  const [envelope] = parts.envelopes;
  if (envelope === undefined || !isConfig(envelope)) {
    if (lastConfig === before.block) return before;
    throw corrupt(
      parts.number,
      `the configuration of block ${lastConfig} is in force, this node holds ${before.block}`,
    );
  }
  const config = configIn(parts);
  if (lastConfig === parts.number && config.sequence === before.config.sequence + 1) {
    return { config, block: parts.number, hash: parts.hash };
  }
  throw corrupt(parts.number, `configuration ${config.sequence} does not follow ${before.config.sequence}`);
}

async function configAt(
  profile: FabricProfile,
  { block, hash }: ConfigPlace,
  fetch: (block: number) => Promise<common.Block>,
): Promise<InForce> {
  const parts = readParts(await fetch(block));
  if (parts.number !== block || parts.hash !== hash) {
    throw new LedgerError("ERR_LEDGER_FORK", `fabric: configuration block ${block} is not the one this node holds`);
  }
  const config = configIn(parts);
  demandPinned(profile, config);
  return { config, block, hash };
}

function demandPinned({ organisations }: FabricProfile, config: ChannelConfig): void {
  for (const { mspId, roots } of organisations) {
    const pinned = new Set(certificatesIn(roots).map(({ fingerprint256 }) => fingerprint256));
    const own = config.rootsOf(mspId);
    if (own.length > 0 && own.every((root) => pinned.has(root))) continue;
    const what = own.length === 0 ? "is not on the channel" : "has other roots there";
    throw new LedgerError(
      "ERR_LEDGER_PROFILE",
      `organisations: ${mspId} ${what}; another channel, or pin its roots anew`,
    );
  }
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const certificatesIn = (pem: string): X509Certificate[] =>
  (pem.match(PEM) ?? []).map((one) => new X509Certificate(one));

const readParts = (block: common.Block): BlockParts =>
  faulty(block.getHeader()?.getNumber() ?? -1, () => partsOfBlock(block));

const configIn = (parts: BlockParts): ChannelConfig =>
  faulty(parts.number, () => readChannelConfig(parts.envelopes[0] ?? new Uint8Array()));

function isConfig(envelope: Uint8Array): boolean {
  const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(envelope).getPayload_asU8());
  const header = common.ChannelHeader.deserializeBinary(
    payload.getHeader()?.getChannelHeader_asU8() ?? new Uint8Array(),
  );
  return header.getType() === common.HeaderType.CONFIG;
}

function faulty<T>(block: number, verify: () => T): T {
  try {
    return verify();
  } catch (cause) {
    if (!(cause instanceof FabricFault)) throw cause;
    throw corrupt(block, cause.message, cause);
  }
}

const corrupt = (block: number, detail: string, cause?: unknown): LedgerError =>
  new LedgerError("ERR_LEDGER_CORRUPT", `fabric: block ${block}: ${detail}`, { cause });
