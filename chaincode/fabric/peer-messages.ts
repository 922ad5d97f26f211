/** Messages between a peer and a chaincode: peer/chaincode_shim.proto of fabric-protos, as far as the contract needs it. */
import { common, ledger, msp, peer } from "@hyperledger/fabric-protos";
import type { StateEntry, Stub } from "./stub.ts";

export const TYPES = peer.ChaincodeMessage.Type;
export type MessageType = peer.ChaincodeMessage.TypeMap[keyof peer.ChaincodeMessage.TypeMap];
export type PeerMessage = peer.ChaincodeMessage;

export interface TransactionOf {
  readonly channel: string;
  readonly id: string;
}

export function messageOf(type: MessageType, payload: Uint8Array, of?: TransactionOf): PeerMessage {
  const message = new peer.ChaincodeMessage();
  message.setType(type);
  message.setPayload(payload);
  if (of !== undefined) {
    message.setTxid(of.id);
    message.setChannelId(of.channel);
  }
  return message;
}

export function registration(packageId: string): PeerMessage {
  const id = new peer.ChaincodeID();
  id.setName(packageId);
  return messageOf(TYPES.REGISTER, id.serializeBinary());
}

/** How many keys the peer takes in one message; 0: not offered. */
export interface Offer {
  readonly reads: number;
  readonly writes: number;
}

/** Peers before 3.1 send READY without a payload. */
export function offerIn(ready: PeerMessage): Offer {
  const params = peer.ChaincodeAdditionalParams.deserializeBinary(ready.getPayload_asU8());
  return {
    reads: params.getUseGetMultipleKeys() ? params.getMaxSizeGetMultipleKeys() : 0,
    writes: params.getUseWriteBatch() ? params.getMaxSizeWriteBatch() : 0,
  };
}

/** What a call brings: its arguments, who signed the proposal, and when. */
export function callIn(message: PeerMessage): Pick<Stub, "getBufferArgs" | "getCreator" | "getTxTimestamp"> {
  const args = peer.ChaincodeInput.deserializeBinary(message.getPayload_asU8()).getArgsList_asU8();
  const signed = message.getProposal()?.getProposalBytes_asU8() ?? new Uint8Array();
  const header = common.Header.deserializeBinary(peer.Proposal.deserializeBinary(signed).getHeader_asU8());
  const channel = common.ChannelHeader.deserializeBinary(header.getChannelHeader_asU8());
  const { seconds = 0, nanos = 0 } = channel.getTimestamp()?.toObject() ?? {};
  const creator = common.SignatureHeader.deserializeBinary(header.getSignatureHeader_asU8()).getCreator_asU8();
  const identity = msp.SerializedIdentity.deserializeBinary(creator);
  return {
    getBufferArgs: () => args,
    getCreator: () => ({ mspid: identity.getMspid(), idBytes: identity.getIdBytes_asU8() }),
    getTxTimestamp: () => ({ seconds, nanos }),
  };
}

export function responseOf(status: number, message: string | undefined, payload: Uint8Array | undefined): Uint8Array {
  const response = new peer.Response();
  response.setStatus(status);
  response.setMessage(message ?? "");
  response.setPayload(payload ?? new Uint8Array());
  return response.serializeBinary();
}

export function readState(key: string): Uint8Array {
  const question = new peer.GetState();
  question.setKey(key);
  return question.serializeBinary();
}

export function readStates(keys: readonly string[]): Uint8Array {
  const question = new peer.GetStateMultiple();
  question.setKeysList([...keys]);
  return question.serializeBinary();
}

export const statesIn = (payload: Uint8Array): readonly Uint8Array[] =>
  peer.GetStateMultipleResult.deserializeBinary(payload).getValuesList_asU8();

export function writeState({ key, value }: StateEntry): Uint8Array {
  const write = new peer.PutState();
  write.setKey(key);
  write.setValue(value);
  return write.serializeBinary();
}

export function writeStates(entries: readonly StateEntry[]): Uint8Array {
  const batch = new peer.WriteBatchState();
  batch.setRecList(
    entries.map(({ key, value }) => {
      const record = new peer.WriteRecord();
      record.setKey(key);
      record.setValue(value);
      record.setType(peer.WriteRecord.Type.PUT_STATE);
      return record;
    }),
  );
  return batch.serializeBinary();
}

export function readRange(start: string, end: string): Uint8Array {
  const question = new peer.GetStateByRange();
  question.setStartkey(start);
  question.setEndkey(end);
  return question.serializeBinary();
}

export function nextOfRange(id: string): Uint8Array {
  const question = new peer.QueryStateNext();
  question.setId(id);
  return question.serializeBinary();
}

export function endOfRange(id: string): Uint8Array {
  const question = new peer.QueryStateClose();
  question.setId(id);
  return question.serializeBinary();
}

export interface RangePage {
  readonly id: string;
  readonly more: boolean;
  readonly entries: readonly StateEntry[];
}

export function pageIn(payload: Uint8Array): RangePage {
  const page = peer.QueryResponse.deserializeBinary(payload);
  const entries = page.getResultsList().map((result) => {
    const entry = ledger.queryresult.KV.deserializeBinary(result.getResultbytes_asU8());
    return { key: entry.getKey(), value: entry.getValue_asU8() };
  });
  return { id: page.getId(), more: page.getHasMore(), entries };
}
