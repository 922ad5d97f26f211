/**
 * Verifies, block by block, that the ordering service signed what a peer hands over, under the channel's configuration as
 * it changes. It begins at the first block, or at the configuration that the last block this node holds refers to; the
 * organisations' roots there are those that the profile pins.
 */
import { X509Certificate } from "node:crypto";
import { common } from "@hyperledger/fabric-protos";
import { type BlockParts, readBlockParts, verifyOrder } from "../audit/fabric-block.ts";
import { type ChannelConfig, readChannelConfig } from "../audit/fabric-channel.ts";
import { FabricFault } from "../audit/fabric-fault.ts";
import { LedgerError } from "../port.ts";
import type { FabricProfile } from "./profile.ts";

export interface Order {
  /** The configuration in force after it. Blocks come in order. Throws LedgerError ERR_LEDGER_CORRUPT, or _PROFILE where other roots are pinned. */
  verify(block: common.Block): ChannelConfig;
  /** In force now; undefined before the first block. */
  config(): ChannelConfig | undefined;
}

/** `fetch` gets a block by its number; `last` is the one this node holds last, undefined for none. */
export async function openOrder(
  profile: FabricProfile,
  last: common.Block | undefined,
  fetch: (block: number) => Promise<common.Block>,
): Promise<Order> {
  let config = last === undefined ? undefined : await configAt(profile, readParts(last), fetch);

  return Object.freeze({
    config: () => config,
    verify(block: common.Block) {
      const parts = readParts(block);
      const [first] = parts.envelopes;
      if (config === undefined) {
        config = configIn(parts);
        demandPinned(profile, config);
        return config;
      }
      ordered(parts, config);
      if (first !== undefined && isConfig(first)) config = configIn(parts);
      return config;
    },
  });
}

async function configAt(
  profile: FabricProfile,
  held: BlockParts,
  fetch: (block: number) => Promise<common.Block>,
): Promise<ChannelConfig> {
  const value = common.Metadata.deserializeBinary(held.signatures).getValue_asU8();
  const at = common.OrdererBlockMetadata.deserializeBinary(value).getLastConfig()?.getIndex() ?? 0;
  const config = configIn(at === held.number ? held : readParts(await fetch(at)));
  demandPinned(profile, config);
  if (at !== held.number) ordered(held, config);
  return config;
}

function ordered(parts: BlockParts, config: ChannelConfig): void {
  faulty(parts.number, () => verifyOrder(parts, config));
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
  faulty(block.getHeader()?.getNumber() ?? -1, () => readBlockParts(block.serializeBinary()));

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
