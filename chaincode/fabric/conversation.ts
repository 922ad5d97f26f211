/**
 * The chaincode's side of its conversation with a peer: register, then answer calls, asking for state on the way. The
 * peer takes one question at a time of each transaction; transactions run side by side. A call that fails is answered
 * with what failed, and the conversation goes on.
 */
import type { Contract } from "./contract.ts";
import {
  callIn,
  endOfRange,
  type MessageType,
  messageOf,
  nextOfRange,
  type Offer,
  offerIn,
  type PeerMessage,
  pageIn,
  readRange,
  readState,
  readStates,
  registration,
  responseOf,
  statesIn,
  type TransactionOf,
  TYPES,
  writeState,
  writeStates,
} from "./peer-messages.ts";
import type { StateEntry, Stub } from "./stub.ts";

export interface PeerStream {
  on(event: "data", hear: (message: PeerMessage) => void): unknown;
  on(event: "end", hear: () => void): unknown;
  on(event: "error", hear: (error: Error) => void): unknown;
  write(message: PeerMessage): unknown;
  end(): unknown;
}

interface Waiting {
  resolve(payload: Uint8Array): void;
  reject(error: Error): void;
}

export function converse(stream: PeerStream, contract: Contract, packageId: string): void {
  const waiting = new Map<string, Waiting>();
  let offer: Offer = { reads: 0, writes: 0 };

  const ask = (of: TransactionOf) => (type: MessageType, payload: Uint8Array) =>
    new Promise<Uint8Array>((resolve, reject) => {
      waiting.set(nameOf(of), { resolve, reject });
      stream.write(messageOf(type, payload, of));
    });

  function hearAnswer(message: PeerMessage): void {
    const name = nameOf({ channel: message.getChannelId(), id: message.getTxid() });
    const waiter = waiting.get(name);
    waiting.delete(name);
    const payload = message.getPayload_asU8();
    if (message.getType() === TYPES.RESPONSE) waiter?.resolve(payload);
    else waiter?.reject(new Error(`peer: ${Buffer.from(payload).toString("utf8")}`));
  }

  async function hearCall(message: PeerMessage): Promise<void> {
    const of = { channel: message.getChannelId(), id: message.getTxid() };
    const run = message.getType() === TYPES.INIT ? contract.Init : contract.Invoke;
    try {
      const { status, message: said, payload } = await run({ ...callIn(message), ...stateOf(ask(of), offer) });
      stream.write(messageOf(TYPES.COMPLETED, responseOf(status, said, payload), of));
    } catch (error) {
      stream.write(messageOf(TYPES.ERROR, Buffer.from(`ERR_FABRIC_STATE: ${(error as Error).message}`), of));
    }
  }

  stream.on("data", (message) => {
    const type = message.getType();
    if (type === TYPES.READY) offer = offerIn(message);
    else if (type === TYPES.RESPONSE || type === TYPES.ERROR) hearAnswer(message);
    else if (type === TYPES.TRANSACTION || type === TYPES.INIT) void hearCall(message);
    // REGISTERED and KEEPALIVE want no answer.
  });
  const end = () => {
    for (const { reject } of waiting.values()) reject(new Error("peer: the connection ended"));
    waiting.clear();
    stream.end();
  };
  stream.on("end", end);
  stream.on("error", end);
  stream.write(registration(packageId));
}

const nameOf = ({ channel, id }: TransactionOf): string => `${channel} ${id}`;

type Ask = (type: MessageType, payload: Uint8Array) => Promise<Uint8Array>;

function stateOf(ask: Ask, { reads, writes }: Offer): Omit<Stub, "getBufferArgs" | "getCreator" | "getTxTimestamp"> {
  return {
    getState: (key) => ask(TYPES.GET_STATE, readState(key)),
    async putState(key, value) {
      await ask(TYPES.PUT_STATE, writeState({ key, value }));
    },
    async *getStateByRange(start, end) {
      let page = pageIn(await ask(TYPES.GET_STATE_BY_RANGE, readRange(start, end)));
      yield* page.entries;
      while (page.more) {
        page = pageIn(await ask(TYPES.QUERY_STATE_NEXT, nextOfRange(page.id)));
        yield* page.entries;
      }
      await ask(TYPES.QUERY_STATE_CLOSE, endOfRange(page.id));
    },
    ...(reads === 0
      ? {}
      : {
          async getStates(keys: readonly string[]) {
            const values: Uint8Array[] = [];
            for (const part of parts(keys, reads)) {
              const found = statesIn(await ask(TYPES.GET_STATE_MULTIPLE, readStates(part)));
              if (found.length !== part.length) throw new Error(`peer: ${found.length} values for ${part.length} keys`);
              values.push(...found);
            }
            return values;
          },
        }),
    ...(writes === 0
      ? {}
      : {
          async putStates(entries: readonly StateEntry[]) {
            for (const part of parts(entries, writes)) await ask(TYPES.WRITE_BATCH_STATE, writeStates(part));
          },
        }),
  };
}

function* parts<T>(items: readonly T[], size: number): Iterable<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}
