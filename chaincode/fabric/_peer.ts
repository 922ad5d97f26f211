/** The peer's side of the chaincode protocol, over real gRPC: state in memory, one organisation, no ordering. */
import { credentials } from "@grpc/grpc-js";
import { common, ledger, msp, peer } from "@hyperledger/fabric-protos";

const TYPES = peer.ChaincodeMessage.Type;
type Message = peer.ChaincodeMessage;

export interface Identity {
  readonly msp: string;
  readonly certificate: string;
}

export interface Called {
  readonly status: number;
  readonly message: string;
  readonly payload: Uint8Array;
  readonly writes: ReadonlyMap<string, string>;
}

export interface PeerDouble {
  readonly state: Map<string, string>;
  /** Messages it got from the chaincode, by type. */
  readonly asked: Map<number, number>;
  call(args: readonly string[], identity: Identity, millis: number): Promise<Called>;
  commit(called: Called): void;
  close(): void;
}

export function connectPeer(port: number, { batches }: { readonly batches: boolean }): Promise<PeerDouble> {
  const client = new peer.ChaincodeClient(`localhost:${port}`, credentials.createInsecure());
  const stream = client.connect();
  const state = new Map<string, string>();
  const asked = new Map<number, number>();
  const running = new Map<
    string,
    { writes: Map<string, string>; resolve(called: Called): void; reject(error: Error): void }
  >();
  const pages = new Map<string, [string, string][]>();
  let calls = 0;
  const answer = (to: Message, payload: Uint8Array) => {
    const message = new peer.ChaincodeMessage();
    message.setType(TYPES.RESPONSE);
    message.setTxid(to.getTxid());
    message.setChannelId(to.getChannelId());
    message.setPayload(payload);
    stream.write(message);
  };
  /** Two entries a page, so that pages are turned. */
  const page = (to: Message, id: string) => {
    const left = pages.get(id) ?? [];
    const response = new peer.QueryResponse();
    response.setId(id);
    response.setResultsList(
      left.splice(0, 2).map(([key, value]) => {
        const entry = new ledger.queryresult.KV();
        entry.setKey(key);
        entry.setValue(Buffer.from(value));
        const bytes = new peer.QueryResultBytes();
        bytes.setResultbytes(entry.serializeBinary());
        return bytes;
      }),
    );
    response.setHasMore(left.length > 0);
    answer(to, response.serializeBinary());
  };

  return new Promise((resolve, reject) => {
    stream.on("error", (error: Error) => {
      for (const { reject: fail } of running.values()) fail(error);
      reject(error);
    });
    stream.on("data", (message: Message) => {
      const type = message.getType();
      asked.set(type, (asked.get(type) ?? 0) + 1);
      const payload = message.getPayload_asU8();
      const call = running.get(message.getTxid());
      if (type === TYPES.REGISTER) {
        for (const [kind, body] of [
          [TYPES.REGISTERED, new Uint8Array()],
          [TYPES.READY, batches ? offer() : new Uint8Array()],
        ] as const) {
          const said = new peer.ChaincodeMessage();
          said.setType(kind);
          said.setPayload(body);
          stream.write(said);
        }
        resolve(double);
      } else if (type === TYPES.GET_STATE) {
        answer(message, Buffer.from(state.get(peer.GetState.deserializeBinary(payload).getKey()) ?? ""));
      } else if (type === TYPES.GET_STATE_MULTIPLE) {
        const result = new peer.GetStateMultipleResult();
        const keys = peer.GetStateMultiple.deserializeBinary(payload).getKeysList();
        result.setValuesList(keys.map((key) => Buffer.from(state.get(key) ?? "")));
        answer(message, result.serializeBinary());
      } else if (type === TYPES.PUT_STATE) {
        const put = peer.PutState.deserializeBinary(payload);
        call?.writes.set(put.getKey(), Buffer.from(put.getValue_asU8()).toString());
        answer(message, new Uint8Array());
      } else if (type === TYPES.WRITE_BATCH_STATE) {
        for (const record of peer.WriteBatchState.deserializeBinary(payload).getRecList()) {
          call?.writes.set(record.getKey(), Buffer.from(record.getValue_asU8()).toString());
        }
        answer(message, new Uint8Array());
      } else if (type === TYPES.GET_STATE_BY_RANGE) {
        const range = peer.GetStateByRange.deserializeBinary(payload);
        const found = [...state].filter(([key]) => key >= range.getStartkey() && key < range.getEndkey()).sort();
        const id = `range-${message.getTxid()}`;
        pages.set(id, found);
        page(message, id);
      } else if (type === TYPES.QUERY_STATE_NEXT) page(message, peer.QueryStateNext.deserializeBinary(payload).getId());
      else if (type === TYPES.QUERY_STATE_CLOSE) answer(message, new Uint8Array());
      else if (type === TYPES.COMPLETED) {
        const response = peer.Response.deserializeBinary(payload);
        call?.resolve({
          status: response.getStatus(),
          message: response.getMessage(),
          payload: response.getPayload_asU8(),
          writes: call.writes,
        });
      } else call?.reject(new Error(Buffer.from(payload).toString()));
    });
    const double: PeerDouble = {
      state,
      asked,
      call(args, identity, millis) {
        calls += 1;
        const id = `call-${calls}`;
        return new Promise((done, failed) => {
          running.set(id, { writes: new Map(), resolve: done, reject: failed });
          const input = new peer.ChaincodeInput();
          input.setArgsList(args.map((text) => Buffer.from(text)));
          const message = new peer.ChaincodeMessage();
          message.setType(TYPES.TRANSACTION);
          message.setTxid(id);
          message.setChannelId("sealane");
          message.setPayload(input.serializeBinary());
          message.setProposal(proposalOf(identity, millis));
          stream.write(message);
        });
      },
      commit({ writes }) {
        for (const [key, value] of writes) state.set(key, value);
      },
      close() {
        stream.end();
        client.close();
      },
    };
  });
}

function offer(): Uint8Array {
  const params = new peer.ChaincodeAdditionalParams();
  params.setUseGetMultipleKeys(true);
  params.setMaxSizeGetMultipleKeys(10);
  params.setUseWriteBatch(true);
  params.setMaxSizeWriteBatch(10);
  return params.serializeBinary();
}

function proposalOf({ msp: mspId, certificate }: Identity, millis: number): peer.SignedProposal {
  const identity = new msp.SerializedIdentity();
  identity.setMspid(mspId);
  identity.setIdBytes(Buffer.from(certificate));
  const signature = new common.SignatureHeader();
  signature.setCreator(identity.serializeBinary());
  const header = new common.Header();
  header.setChannelHeader(channelHeader(millis));
  header.setSignatureHeader(signature.serializeBinary());
  const proposal = new peer.Proposal();
  proposal.setHeader(header.serializeBinary());
  const signed = new peer.SignedProposal();
  signed.setProposalBytes(proposal.serializeBinary());
  return signed;
}

/** ChannelHeader with field 3, google.protobuf.Timestamp {1: seconds, 2: nanos}, which has no types of its own. */
export function channelHeader(millis: number, header = new common.ChannelHeader()): Uint8Array {
  const time = [0x08, ...varint(Math.floor(millis / 1_000)), 0x10, ...varint((millis % 1_000) * 1_000_000)];
  return Uint8Array.of(...header.serializeBinary(), 0x1a, time.length, ...time);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) + 0x80, ...varint(Math.floor(value / 0x80))];
}
