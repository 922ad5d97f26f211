/** Where an entry stands in the blocks: what a proof begins with. */
import { common } from "@hyperledger/fabric-protos";
import { layout } from "../embedded/layout.ts";
import { LedgerError } from "../port.ts";
import { readBlock } from "./block.ts";
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

/** Throws RangeError for a position that is not acknowledged. */
export async function locateEntry(
  { chain }: View,
  chaincode: string,
  connection: GatewayConnection,
  position: number,
): Promise<EntryPlace> {
  const { size } = chain.head();
  if (!Number.isSafeInteger(position) || position < 0 || position >= size) {
    throw new RangeError(`position: expected an acknowledged entry below ${size}, got ${position}`);
  }
  for await (const [key, text] of chain.store.reverse({ gte: layout.batch(0), lt: layout.batch(position + 1) })) {
    const { channel, block } = JSON.parse((JSON.parse(text) as { checkpoint: string }).checkpoint) as Progress;
    const bytes = await connection.evaluate("qscc", "GetBlockByNumber", [channel, String(block)]);
    const { calls } = readBlock(common.Block.deserializeBinary(bytes), chaincode);
    let next = Number(key.slice("batch/".length));
    for (const { transactionId, index, outcomes } of calls) {
      for (const [record, outcome] of outcomes.entries()) {
        if (!outcome.ok || outcome.repeats === true) continue;
        if (next === position) return { channel, block, transactionId, transaction: index, record };
        next += 1;
      }
    }
  }
  throw new LedgerError("ERR_LEDGER_CORRUPT", `fabric: no block holds entry ${position}`);
}
