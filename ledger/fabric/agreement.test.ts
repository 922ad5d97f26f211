import { readFileSync } from "node:fs";
import { setImmediate as immediate } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { common } from "@hyperledger/fabric-protos";
import { expect, test } from "vitest";
import { partsOfBlock } from "../audit/fabric-block.ts";
import type { FabricPart } from "../audit/fabric-bundle.ts";
import { readChannelConfig } from "../audit/fabric-channel.ts";
import { wrappedField } from "../audit/fabric-evidence.ts";
import { answerIn } from "../audit/fabric-statement.ts";
import { createAgreement } from "./agreement.ts";

/** Recorded from a real network: see nodes/fabric/_record-evidence.ts. */
const { part } = JSON.parse(
  gunzipSync(readFileSync(new URL("../audit/vectors/fabric.json.gz", import.meta.url))).toString("utf8"),
) as { readonly part: FabricPart };
const bytes = (text: string) => Buffer.from(text, "base64url");
const recorded = part.blocks.map(({ data, statements: [first] }): Uint8Array => {
  const wrapped = data.flatMap((envelope) => wrappedField(bytes(envelope)));
  return answerIn(Buffer.concat([bytes(first!.before), ...wrapped, bytes(first!.after)]));
});
const config = readChannelConfig(bytes(part.blocks[0]!.data[0]!));

function blockOf(at: number, change: (block: common.Block) => void = () => undefined): common.Block {
  const block = common.Block.deserializeBinary(recorded.at(at)!);
  change(block);
  return block;
}
const own = (at: number) => partsOfBlock(blockOf(at));
const withFlags = (flags: Uint8Array) => (block: common.Block) => {
  const metadata = block.getMetadata()!.getMetadataList_asU8();
  metadata[common.BlockMetadataIndex.TRANSACTIONS_FILTER] = flags;
  block.getMetadata()!.setMetadataList(metadata);
};

/** What one stream of a peer gives, in order, before it ends; an error ends it, "silence" never does. */
type Given = readonly (common.Block | Error | "silence")[];

/** Peers by organisation, each with its streams one after the other; the last for ever. */
function following(streams: Readonly<Record<string, readonly Given[]>>, patienceMs = 500) {
  const opened: string[] = [];
  const peers = Object.entries(streams).map(([mspId, all]) => {
    let next = 0;
    return {
      mspId,
      async *blocks(from: number, signal: AbortSignal) {
        opened.push(`${mspId} ${from}`);
        for (const one of all[Math.min(next++, all.length - 1)]!) {
          if (one instanceof Error) throw one;
          if (one === "silence") await new Promise((end) => signal.addEventListener("abort", end));
          else yield one;
        }
      },
    };
  });
  const { signal } = new AbortController();
  return { opened, ...createAgreement({ peers, signal, patienceMs, pauseMs: 1 }) };
}
const gone = new Error("the peer is gone");
const [before, last] = [-2, -1].map((at) => own(at)) as [ReturnType<typeof own>, ReturnType<typeof own>];

test("blocks are taken when a peer of another organisation holds the same with the same flags, over one stream", async () => {
  // The recorded ones do not follow each other: the second is given the number after the first.
  const next = blockOf(-2, (block) => block.getHeader()!.setNumber(last.number + 1));
  const { demand, opened } = following({ Org1MSP: [[gone]], Org2MSP: [[blockOf(-1), next]] });
  await demand(last, "Org1MSP", config);
  await demand(partsOfBlock(next), "Org1MSP", config);
  expect(opened).toEqual([`Org2MSP ${last.number}`]);
});

test("a stream that fails or ends is opened again, and the next organisation is asked where one is silent", async () => {
  const again = following({ Org2MSP: [[gone], [], [blockOf(-1)]] });
  await again.demand(last, "Org1MSP", config);
  expect(again.opened).toEqual(Array(3).fill(`Org2MSP ${last.number}`));
  const silent = following({ Org1MSP: [["silence"]], Org2MSP: [[blockOf(-1)]] }, 60);
  await silent.demand(last, "Org9MSP", config);
  await silent.demand(last, "Org9MSP", config);
  expect(silent.opened).toEqual(["Org1MSP", "Org2MSP", "Org2MSP"].map((mspId) => `${mspId} ${last.number}`));
});

test("a node that goes on elsewhere in the chain opens the stream there", async () => {
  const { demand, opened } = following({ Org2MSP: [[blockOf(-1)], [blockOf(-2)]] });
  await demand(last, "Org1MSP", config);
  await demand(before, "Org1MSP", config);
  expect(opened).toEqual([`Org2MSP ${last.number}`, `Org2MSP ${before.number}`]);
});

test("a valid transaction that the own peer calls invalid is found, and so is one that the other calls invalid", async () => {
  const invalid = Uint8Array.from(last.flags, () => 11);
  const fork = {
    code: "ERR_LEDGER_FORK",
    message: expect.stringMatching(/Org1MSP and Org2MSP say of other transactions/),
  };
  const honest = () => following({ Org2MSP: [[blockOf(-1)]] });
  await expect(honest().demand({ ...last, flags: invalid }, "Org1MSP", config)).rejects.toMatchObject(fork);
  const lying = following({ Org2MSP: [[blockOf(-1, withFlags(invalid))]] });
  await expect(lying.demand(last, "Org1MSP", config)).rejects.toMatchObject(fork);
  const none = new Uint8Array();
  await expect(honest().demand({ ...last, flags: none }, "Org1MSP", config)).rejects.toMatchObject(fork);
  const bare = following({ Org2MSP: [[blockOf(-1, withFlags(none))]] });
  await expect(bare.demand({ ...last, flags: none }, "Org1MSP", config)).rejects.toMatchObject(fork);
});

test("a block is agreed on once both were found to hold it, or one after it", async () => {
  const { demand, until } = following({ Org2MSP: [[blockOf(-2)], [blockOf(-1)]] });
  let isAgreed = false;
  const waiting = until(before.number + 1).then(() => {
    isAgreed = true;
  });
  await demand(before, "Org1MSP", config);
  await immediate();
  expect(isAgreed).toBe(false);
  await demand(last, "Org1MSP", config);
  await waiting;
  await until(before.number);
});

test("another block of the same number is a fork", async () => {
  const other = blockOf(-1, (block) => block.getHeader()!.setDataHash(new Uint8Array(32)));
  await expect(following({ Org2MSP: [[other]] }).demand(last, "Org1MSP", config)).rejects.toMatchObject({
    code: "ERR_LEDGER_FORK",
    message: expect.stringContaining("hold different blocks"),
  });
});

test("a block of another number than was asked for counts for nothing", async () => {
  const { demand } = following({ Org2MSP: [[blockOf(-2)]] }, 50);
  await expect(demand(last, "Org1MSP", config)).rejects.toMatchObject({
    code: "ERR_LEDGER_UNREACHABLE",
    message: expect.stringContaining("Org2MSP"),
  });
});

test("with no second organisation of the channel in the profile nobody is asked", async () => {
  const { demand, opened } = following({ Org1MSP: [[blockOf(-1)]], Org9MSP: [[blockOf(-1)]] });
  await demand(last, "Org1MSP", config);
  expect(opened).toEqual([]);
});
