/** One transaction of a block: its id, its creator's signature, what was proposed, who endorsed what the chaincode answered. */
import { common, peer } from "@hyperledger/fabric-protos";
import type { ChannelConfig } from "./fabric-channel.ts";
import { decoded, demandThat, present } from "./fabric-fault.ts";
import { demandDates, isSignedBy, type KnownIdentity, sha256 } from "./fabric-msp.ts";
import type { Policy } from "./fabric-policy.ts";

export interface VerifiedCall {
  readonly transactionId: string;
  readonly channel: string;
  /** Milliseconds since the epoch, as the creator says; the contract goes by it. */
  readonly time: number;
  readonly creator: KnownIdentity;
  readonly endorsers: readonly KnownIdentity[];
  readonly chaincode: string;
  /** Version of the chaincode's definition that the endorsers ran. */
  readonly version: string;
  /** The function's name and its arguments. */
  readonly args: readonly Uint8Array[];
  /** 200: it did what was asked. */
  readonly status: number;
  /** What the chaincode answered. */
  readonly answer: Uint8Array;
}

/** Whether it calls a chaincode: others set up the channel. */
export function isCall(envelope: Uint8Array): boolean {
  return decoded("envelope", () => channelHeaderOf(envelope).getType() === common.HeaderType.ENDORSER_TRANSACTION);
}

/** Everything but its validity, which follows from the state. Throws FabricFault. `policyOf` is asked for the called chaincode. */
export function verifyCall(
  envelope: Uint8Array,
  config: ChannelConfig,
  policyOf: (chaincode: string) => Policy,
): VerifiedCall {
  return decoded("transaction", () => {
    const outer = common.Envelope.deserializeBinary(envelope);
    const signed = outer.getPayload_asU8();
    const payload = common.Payload.deserializeBinary(signed);
    const header = present(payload.getHeader(), "header");
    const channelHeaderBytes = header.getChannelHeader_asU8();
    const signatureHeaderBytes = header.getSignatureHeader_asU8();
    const channelHeader = common.ChannelHeader.deserializeBinary(channelHeaderBytes);
    const signatureHeader = common.SignatureHeader.deserializeBinary(signatureHeaderBytes);
    const transactionId = channelHeader.getTxId();
    const time = millisOf(channelHeader);
    const creatorBytes = signatureHeader.getCreator_asU8();
    demandThat(channelHeader.getType() === common.HeaderType.ENDORSER_TRANSACTION, "fabric-form", { transactionId });
    demandThat(channelHeader.getChannelId() === config.channel, "fabric-form", {
      channel: channelHeader.getChannelId(),
    });
    const id = sha256(signatureHeader.getNonce_asU8(), creatorBytes).toString("hex");
    demandThat(id === transactionId, "fabric-transaction-id", { expected: id, got: transactionId.slice(0, 80) });
    const creator = config.identify(creatorBytes);
    demandThat(isSignedBy(creator, signed, outer.getSignature_asU8()), "fabric-creator", { transactionId });
    demandDates(creator, time);

    const [action, ...more] = peer.Transaction.deserializeBinary(payload.getData_asU8()).getActionsList();
    demandThat(action !== undefined && more.length === 0, "fabric-form", { transactionId });
    const body = peer.ChaincodeActionPayload.deserializeBinary(action.getPayload_asU8());
    const endorsed = present(body.getAction(), "endorsed action");
    const answerBytes = endorsed.getProposalResponsePayload_asU8();
    const answer = peer.ProposalResponsePayload.deserializeBinary(answerBytes);
    const proposalBytes = body.getChaincodeProposalPayload_asU8();
    const hash = sha256(channelHeaderBytes, signatureHeaderBytes, proposalBytes);
    demandThat(hash.equals(answer.getProposalHash_asU8()), "fabric-proposal", { transactionId });

    const endorsers = endorsed.getEndorsementsList().map((one) => {
      const bytes = one.getEndorser_asU8();
      const endorser = config.identify(bytes);
      const holds = isSignedBy(endorser, Buffer.concat([answerBytes, bytes]), one.getSignature_asU8());
      demandThat(holds, "fabric-endorsement", { transactionId, msp: endorser.mspId });
      demandDates(endorser, time);
      return endorser;
    });
    const done = peer.ChaincodeAction.deserializeBinary(answer.getExtension_asU8());
    const chaincode = done.getChaincodeId()?.getName() ?? "";
    const enough = policyOf(chaincode)(endorsers);
    demandThat(enough, "fabric-policy", { transactionId, endorsers: endorsers.map(({ mspId }) => mspId).join(" ") });
    const input = peer.ChaincodeProposalPayload.deserializeBinary(proposalBytes).getInput_asU8();
    const spec = present(peer.ChaincodeInvocationSpec.deserializeBinary(input).getChaincodeSpec(), "chaincode");
    // What was asked of the peers and what answered must be one chaincode.
    demandThat(spec.getChaincodeId()?.getName() === chaincode, "fabric-proposal", { transactionId, chaincode });
    return {
      transactionId,
      channel: channelHeader.getChannelId(),
      time,
      creator,
      endorsers,
      chaincode,
      version: done.getChaincodeId()?.getVersion() ?? "",
      args: present(spec.getInput(), "input").getArgsList_asU8(),
      status: done.getResponse()?.getStatus() ?? 0,
      answer: done.getResponse()?.getPayload_asU8() ?? new Uint8Array(),
    };
  });
}

function channelHeaderOf(envelope: Uint8Array): common.ChannelHeader {
  const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(envelope).getPayload_asU8());
  return common.ChannelHeader.deserializeBinary(present(payload.getHeader(), "header").getChannelHeader_asU8());
}

function millisOf(header: common.ChannelHeader): number {
  const time = present(header.getTimestamp(), "timestamp");
  return time.getSeconds() * 1_000 + Math.floor(time.getNanos() / 1_000_000);
}
