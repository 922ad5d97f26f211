/**
 * One block: data under the header's hash, the header under the ordering service's signature, and what that signature says
 * of the configuration in force. The validity flags are the peer's own and under no signature here.
 */
import { common } from "@hyperledger/fabric-protos";
import type { ChannelConfig } from "./fabric-channel.ts";
import { headerBytes } from "./fabric-der.ts";
import { decoded, demandThat, FabricFault, present } from "./fabric-fault.ts";
import { isSignedBy, type KnownIdentity, sha256 } from "./fabric-msp.ts";

export interface BlockParts {
  readonly number: number;
  readonly previous: Uint8Array;
  readonly dataHash: Uint8Array;
  /** Of the header, base64url. */
  readonly hash: string;
  readonly envelopes: readonly Uint8Array[];
  /** common.Metadata with the ordering service's signatures. */
  readonly signatures: Uint8Array;
  /** One TxValidationCode per transaction, as the peer that gave the block found. */
  readonly flags: Uint8Array;
}

const MAX_NUMBER = Number.MAX_SAFE_INTEGER;

/** Throws FabricFault. Checks that the data are those of the header. `bytes` is a common.Block. */
export const readBlockParts = (bytes: Uint8Array): BlockParts =>
  partsOfBlock(decoded("block", () => common.Block.deserializeBinary(bytes)));

/** The same of one that is read already. */
export function partsOfBlock(block: common.Block): BlockParts {
  return decoded("block", () => {
    const header = present(block.getHeader(), "header");
    const number = header.getNumber();
    demandThat(Number.isSafeInteger(number) && number <= MAX_NUMBER, "fabric-form", { block: number });
    const previous = header.getPreviousHash_asU8();
    const dataHash = header.getDataHash_asU8();
    const envelopes = present(block.getData(), "data").getDataList_asU8();
    demandThat(sha256(...envelopes).equals(dataHash), "fabric-data-hash", { block: number });
    const metadata = block.getMetadata()?.getMetadataList_asU8() ?? [];
    const { SIGNATURES, TRANSACTIONS_FILTER } = common.BlockMetadataIndex;
    return {
      number,
      previous,
      dataHash,
      hash: sha256(headerBytes({ number, previous, data: dataHash })).toString("base64url"),
      envelopes,
      signatures: metadata[SIGNATURES] ?? new Uint8Array(),
      flags: metadata[TRANSACTIONS_FILTER] ?? new Uint8Array(),
    };
  });
}

/** Which block a peer says stands under a number, and with which flags; its data are not looked at. Throws FabricFault. */
export function claimOfBlock(block: common.Block): Pick<BlockParts, "number" | "hash" | "flags"> {
  return decoded("block", () => {
    const header = present(block.getHeader(), "header");
    const [number, previous, data] = [header.getNumber(), header.getPreviousHash_asU8(), header.getDataHash_asU8()];
    const flags = block.getMetadata()?.getMetadataList_asU8()[common.BlockMetadataIndex.TRANSACTIONS_FILTER];
    const hash = sha256(headerBytes({ number, previous, data })).toString("base64url");
    return { number, hash, flags: flags ?? new Uint8Array() };
  });
}

/**
 * Verifies the ordering service's signature under the configuration in force before this block, and says which block that
 * configuration stands in. Dates of the ordering service's certificates are not looked at, as peers do not: a block has no time but
 * what its submitters wrote, and whoever dates a transaction wrongly must not spoil the block for the others in it.
 */
export function verifyOrder(block: BlockParts, config: ChannelConfig): { readonly lastConfig: number } {
  if (config.consensus === "BFT") throw new FabricFault("fabric-bft", { block: block.number });
  return decoded("signatures", () => {
    const metadata = common.Metadata.deserializeBinary(block.signatures);
    const value = metadata.getValue_asU8();
    const header = headerBytes({ number: block.number, previous: block.previous, data: block.dataHash });
    const signers: KnownIdentity[] = [];
    for (const one of metadata.getSignaturesList()) {
      const signed = one.getSignatureHeader_asU8();
      // Under BFT a number stands for the certificate: see docs/decisions/230.
      if (signed.length === 0) throw new FabricFault("fabric-bft", { block: block.number });
      const identity = config.identify(common.SignatureHeader.deserializeBinary(signed).getCreator_asU8());
      const holds = isSignedBy(identity, Buffer.concat([value, signed, header]), one.getSignature_asU8());
      demandThat(holds, "fabric-order-signature", { block: block.number, msp: identity.mspId });
      signers.push(identity);
    }
    const enough = config.policy("/Channel/Orderer/BlockValidation")(signers);
    demandThat(enough, "fabric-order-signature", { block: block.number, signers: signers.length });
    const last = common.OrdererBlockMetadata.deserializeBinary(value).getLastConfig()?.getIndex();
    return { lastConfig: present(last, "last configuration") };
  });
}

/** The block after `before` in the chain. */
export function follows(
  before: Pick<BlockParts, "number" | "hash">,
  block: Pick<BlockParts, "number" | "previous">,
): boolean {
  return block.number === before.number + 1 && Buffer.from(block.previous).toString("base64url") === before.hash;
}
