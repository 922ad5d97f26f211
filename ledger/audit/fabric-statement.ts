/**
 * A peer's signed word on a whole block, flags included. Validity flags are under nobody's signature in the block itself;
 * but a peer endorses what its system chaincode qscc answers, so its answer to GetBlockByNumber is a statement under its
 * certificate, about this block number of this channel.
 */
import { common, peer } from "@hyperledger/fabric-protos";
import { type BlockParts, readBlockParts } from "./fabric-block.ts";
import type { ChannelConfig } from "./fabric-channel.ts";
import { decoded, demandThat, present } from "./fabric-fault.ts";
import { demandDates, isSignedBy, type KnownIdentity, sha256 } from "./fabric-msp.ts";

export const STATEMENT_CHAINCODE = "qscc";
export const STATEMENT_FUNCTION = "GetBlockByNumber";

export interface PeerStatement {
  /** peer.Proposal: what the peer was asked. */
  readonly proposal: Uint8Array;
  /** peer.ProposalResponsePayload: what it signed. */
  readonly payload: Uint8Array;
  /** SerializedIdentity. */
  readonly endorser: Uint8Array;
  readonly signature: Uint8Array;
}

export interface VerifiedStatement {
  readonly peer: KnownIdentity;
  readonly block: BlockParts;
  /** When it was asked, milliseconds since the epoch. */
  readonly time: number;
}

/** The block inside, read before anything is verified. Throws FabricFault. */
export const statedBlock = ({ payload }: PeerStatement): BlockParts => readBlockParts(answerIn(payload));

/** Throws FabricFault. `config` is one under which the peer's certificate is to be good. */
export function verifyStatement(statement: PeerStatement, config: ChannelConfig): VerifiedStatement {
  const block = statedBlock(statement);
  const args = [STATEMENT_FUNCTION, config.channel, String(block.number)];
  return { ...verifyAnswer(statement, config, STATEMENT_CHAINCODE, args), block };
}

/** That the peer under `config` answered this question to this chaincode, successfully. Throws FabricFault. */
export function verifyAnswer(
  { proposal, payload, endorser, signature }: PeerStatement,
  config: ChannelConfig,
  chaincode: string,
  args: readonly (string | Uint8Array)[],
): Omit<VerifiedStatement, "block"> {
  return decoded("statement", () => {
    const asked = peer.Proposal.deserializeBinary(proposal);
    const header = common.Header.deserializeBinary(asked.getHeader_asU8());
    const channelHeader = common.ChannelHeader.deserializeBinary(header.getChannelHeader_asU8());
    demandThat(channelHeader.getChannelId() === config.channel, "fabric-statement", {
      channel: channelHeader.getChannelId(),
    });
    const hash = sha256(header.getChannelHeader_asU8(), header.getSignatureHeader_asU8(), asked.getPayload_asU8());
    const answered = peer.ProposalResponsePayload.deserializeBinary(payload);
    demandThat(hash.equals(answered.getProposalHash_asU8()), "fabric-statement", { what: "proposal" });
    const input = peer.ChaincodeProposalPayload.deserializeBinary(asked.getPayload_asU8()).getInput_asU8();
    const spec = present(peer.ChaincodeInvocationSpec.deserializeBinary(input).getChaincodeSpec(), "chaincode");
    const answer = answerOf(payload);
    const said = present(spec.getInput(), "input").getArgsList_asU8();
    const isAsked =
      spec.getChaincodeId()?.getName() === chaincode &&
      answer.getChaincodeId()?.getName() === chaincode &&
      answer.getResponse()?.getStatus() === 200 &&
      said.length === args.length &&
      args.every((one, at) => Buffer.compare(Buffer.from(one), said[at]!) === 0);
    demandThat(isAsked, "fabric-statement", {
      asked: said
        .map((one) => Buffer.from(one))
        .join(" ")
        .slice(0, 200),
    });
    const identity = config.identify(endorser);
    const holds = isSignedBy(identity, Buffer.concat([payload, endorser]), signature);
    demandThat(holds, "fabric-statement", { msp: identity.mspId });
    demandThat(identity.role === "peer", "fabric-role", { msp: identity.mspId, role: identity.role ?? "none" });
    const stamp = present(channelHeader.getTimestamp(), "timestamp");
    const time = stamp.getSeconds() * 1_000 + Math.floor(stamp.getNanos() / 1_000_000);
    demandDates(identity, time);
    return { peer: identity, time };
  });
}

/** What the chaincode answered, read before anything is verified. Throws FabricFault. */
export const answerIn = (payload: Uint8Array): Uint8Array =>
  decoded("statement", () => answerOf(payload).getResponse()?.getPayload_asU8() ?? new Uint8Array());

const answerOf = (payload: Uint8Array): peer.ChaincodeAction =>
  peer.ChaincodeAction.deserializeBinary(peer.ProposalResponsePayload.deserializeBinary(payload).getExtension_asU8());
