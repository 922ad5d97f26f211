/** Where an entry stands in the blocks: what a proof begins with. */
import { common } from "@hyperledger/fabric-protos";
import { layout } from "../embedded/layout.ts";
import { LedgerError } from "../port.ts";
import { type FabricBlock, readBlock } from "./block.ts";
import type { GatewayConnection } from "./gateway.ts";
import type { Progress, View } from "./view.ts";

export interface EntryPlace {
  readonly channel: string;
  readonly block: number;
  readonly transactionId: string;
  /** Of the transaction in its block. */
  readonly transaction: number;
  /** Of the record among those of the transaction. */
  readonly record: number;
}

const MAX_CACHED = 100;

/** Throws RangeError for a position that is not acknowledged. What a block holds never changes: the latest asked for are kept. */
export function createLocator(
  { chain }: View,
  chaincode: string,
  connected: () => Promise<GatewayConnection>,
): (position: number) => Promise<EntryPlace> {
  const cache = new Map<number, Promise<FabricBlock>>();

  function read(channel: string, block: number): Promise<FabricBlock> {
    const known = cache.get(block);
    if (known !== undefined) return known;
    const reading = connected()
      .then((connection) => connection.evaluate("qscc", "GetBlockByNumber", [channel, String(block)]))
      .then((bytes) => readBlock(common.Block.deserializeBinary(bytes), chaincode));
    reading.catch(() => cache.delete(block));
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(block, reading);
    return reading;
  }

  return async (position) => {
    const { size } = chain.head();
    if (!Number.isSafeInteger(position) || position < 0 || position >= size) {
      throw new RangeError(`position: expected an acknowledged entry below ${size}, got ${position}`);
    }
    for await (const [key, text] of chain.store.reverse({ gte: layout.batch(0), lt: layout.batch(position + 1) })) {
      const { channel, block } = JSON.parse((JSON.parse(text) as { checkpoint: string }).checkpoint) as Progress;
      let next = Number(key.slice("batch/".length));
      for (const { transactionId, index, outcomes } of (await read(channel, block)).calls) {
        for (const [record, outcome] of outcomes.entries()) {
          if (!outcome.ok || outcome.repeats === true) continue;
          if (next === position) return { channel, block, transactionId, transaction: index, record };
          next += 1;
        }
      }
    }
    throw new LedgerError("ERR_LEDGER_CORRUPT", `fabric: no block holds entry ${position}`);
  };
}
