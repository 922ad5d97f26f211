/** A call of a chaincode as a peer's Endorser service takes it: proposed and signed by this node, answered under the peer's signature. */
import { type Client, Metadata } from "@grpc/grpc-js";
import type { Network } from "@hyperledger/fabric-gateway";
import { gateway as messages, peer } from "@hyperledger/fabric-protos";
import type { PeerStatement } from "../audit/fabric-statement.ts";

export interface ProposedCall {
  readonly transactionId: string;
  /** peer.Proposal. */
  readonly proposal: Uint8Array;
  readonly signature: Uint8Array;
}

const PROCESS_PROPOSAL = "/protos.Endorser/ProcessProposal";

/** The same proposal goes to every peer that is to endorse it. `network` gives its channel and its client only. */
export async function propose(
  network: Network,
  chaincode: string,
  name: string,
  args: readonly (string | Uint8Array)[],
  sign: (data: Uint8Array) => Promise<Uint8Array>,
): Promise<ProposedCall> {
  const made = network.getContract(chaincode).newProposal(name, { arguments: [...args] });
  const unsigned = messages.ProposedTransaction.deserializeBinary(made.getBytes()).getProposal();
  const proposal = unsigned?.getProposalBytes_asU8() ?? new Uint8Array();
  return { transactionId: made.getTransactionId(), proposal, signature: await sign(proposal) };
}

/**
 * `deadline` in milliseconds since the epoch. Nothing of the answer is verified. Throws an Error with what the chaincode or the
 * peer refused with, or gRPC's own.
 */
export async function endorseAt(client: Client, call: ProposedCall, deadline: number): Promise<PeerStatement> {
  const answer = await processProposal(client, call, deadline);
  const response = answer.getResponse();
  const status = response?.getStatus() ?? 0;
  if (status < 200 || status >= 400) throw new Error(`chaincode response ${status}, ${response?.getMessage() ?? ""}`);
  const endorsement = answer.getEndorsement();
  return {
    proposal: call.proposal,
    payload: answer.getPayload_asU8(),
    endorser: endorsement?.getEndorser_asU8() ?? new Uint8Array(),
    signature: endorsement?.getSignature_asU8() ?? new Uint8Array(),
  };
}

function processProposal(client: Client, call: ProposedCall, deadline: number): Promise<peer.ProposalResponse> {
  const signed = new peer.SignedProposal();
  signed.setProposalBytes(call.proposal);
  signed.setSignature(call.signature);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      PROCESS_PROPOSAL,
      (request: peer.SignedProposal) => Buffer.from(request.serializeBinary()),
      (bytes: Buffer) => peer.ProposalResponse.deserializeBinary(bytes),
      signed,
      new Metadata(),
      { deadline },
      (error, answer) => {
        if (error === null && answer !== undefined) resolve(answer);
        else reject(error ?? new Error("endorser: no answer"));
      },
    );
  });
}
