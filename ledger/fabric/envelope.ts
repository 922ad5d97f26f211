/** An endorsed call as the ordering service takes it (fabric-protos: common.Envelope over peer.Transaction). */
import { common, peer } from "@hyperledger/fabric-protos";
import type { PeerStatement } from "../audit/fabric-statement.ts";

/** `endorsed` are answers to the same proposal, with the same payload; at least one. */
export async function envelopeOf(
  endorsed: readonly PeerStatement[],
  sign: (data: Uint8Array) => Promise<Uint8Array>,
): Promise<common.Envelope> {
  const [first] = endorsed;
  if (first === undefined) throw new RangeError("endorsed: expected at least one answer");
  const proposal = peer.Proposal.deserializeBinary(first.proposal);
  const header = common.Header.deserializeBinary(proposal.getHeader_asU8());

  // What is handed on in confidence stays out: peers compare the payload without it.
  const asked = peer.ChaincodeProposalPayload.deserializeBinary(proposal.getPayload_asU8());
  const visible = new peer.ChaincodeProposalPayload();
  visible.setInput(asked.getInput_asU8());

  const action = new peer.ChaincodeEndorsedAction();
  action.setProposalResponsePayload(first.payload);
  action.setEndorsementsList(
    endorsed.map(({ endorser, signature }) => {
      const endorsement = new peer.Endorsement();
      endorsement.setEndorser(endorser);
      endorsement.setSignature(signature);
      return endorsement;
    }),
  );
  const actionPayload = new peer.ChaincodeActionPayload();
  actionPayload.setChaincodeProposalPayload(visible.serializeBinary());
  actionPayload.setAction(action);

  const transactionAction = new peer.TransactionAction();
  transactionAction.setHeader(header.getSignatureHeader_asU8());
  transactionAction.setPayload(actionPayload.serializeBinary());
  const transaction = new peer.Transaction();
  transaction.setActionsList([transactionAction]);

  const payload = new common.Payload();
  payload.setHeader(header);
  payload.setData(transaction.serializeBinary());
  const bytes = payload.serializeBinary();
  const envelope = new common.Envelope();
  envelope.setPayload(bytes);
  envelope.setSignature(await sign(bytes));
  return envelope;
}
