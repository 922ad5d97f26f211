/** Blocks as a peer hands them over, made of calls that a contract answered; nothing is signed. */
import { createHash } from "node:crypto";
import { common, ledger, peer } from "@hyperledger/fabric-protos";
import { type Called, channelHeader } from "../../chaincode/fabric/_peer.ts";

export interface CallInBlock {
  readonly args: readonly string[];
  readonly millis: number;
  readonly called: Called;
  /** Default 0, valid. */
  readonly flag?: number;
  /** Of the chaincode; default the code that the call names. */
  readonly version?: string;
}

export function blockOf(number: number, previous: string, calls: readonly CallInBlock[]): common.Block {
  const envelopes = calls.map((call, at) => envelopeOf(call, `transaction-${number}-${at}`));
  const data = new common.BlockData();
  data.setDataList(envelopes);
  const header = new common.BlockHeader();
  header.setNumber(number);
  header.setPreviousHash(Buffer.from(previous, "base64url"));
  header.setDataHash(createHash("sha256").update(Buffer.concat(envelopes)).digest());
  const metadata = new common.BlockMetadata();
  const flags = Uint8Array.from(calls, ({ flag = 0 }) => flag);
  metadata.setMetadataList([new Uint8Array(), new Uint8Array(), flags]);
  const block = new common.Block();
  block.setHeader(header);
  block.setData(data);
  block.setMetadata(metadata);
  return block;
}

function envelopeOf({ args, millis, called, version }: CallInBlock, id: string): Uint8Array {
  const input = new peer.ChaincodeInput();
  input.setArgsList(args.map((text) => Buffer.from(text)));
  const spec = new peer.ChaincodeSpec();
  spec.setInput(input);
  const invocation = new peer.ChaincodeInvocationSpec();
  invocation.setChaincodeSpec(spec);
  const proposal = new peer.ChaincodeProposalPayload();
  proposal.setInput(invocation.serializeBinary());

  const set = new ledger.rwset.kvrwset.KVRWSet();
  for (const [key, value] of called.writes) {
    const write = new ledger.rwset.kvrwset.KVWrite();
    write.setKey(key);
    write.setValue(Buffer.from(value));
    set.addWrites(write);
  }
  const space = new ledger.rwset.NsReadWriteSet();
  space.setNamespace("sealane");
  space.setRwset(set.serializeBinary());
  const sets = new ledger.rwset.TxReadWriteSet();
  sets.addNsRwset(space);
  const response = new peer.Response();
  response.setStatus(called.status);
  response.setPayload(called.payload);
  const chaincode = new peer.ChaincodeID();
  chaincode.setName("sealane");
  chaincode.setVersion(version ?? (JSON.parse(args[1] ?? "{}") as { code?: string }).code ?? "");
  const done = new peer.ChaincodeAction();
  done.setResults(sets.serializeBinary());
  done.setResponse(response);
  done.setChaincodeId(chaincode);
  const answer = new peer.ProposalResponsePayload();
  answer.setExtension$(done.serializeBinary());
  const endorsed = new peer.ChaincodeEndorsedAction();
  endorsed.setProposalResponsePayload(answer.serializeBinary());

  const body = new peer.ChaincodeActionPayload();
  body.setChaincodeProposalPayload(proposal.serializeBinary());
  body.setAction(endorsed);
  const action = new peer.TransactionAction();
  action.setPayload(body.serializeBinary());
  const transaction = new peer.Transaction();
  transaction.addActions(action);
  const channel = new common.ChannelHeader();
  channel.setType(common.HeaderType.ENDORSER_TRANSACTION);
  channel.setTxId(id);
  const header = new common.Header();
  header.setChannelHeader(channelHeader(millis, channel));
  const payload = new common.Payload();
  payload.setHeader(header);
  payload.setData(transaction.serializeBinary());
  const envelope = new common.Envelope();
  envelope.setPayload(payload.serializeBinary());
  return envelope.serializeBinary();
}
