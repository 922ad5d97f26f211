import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { common } from "@hyperledger/fabric-protos";
import { expect, test } from "vitest";
import { readBlockParts } from "../audit/fabric-block.ts";
import type { FabricBlock, FabricPart, PinnedFabric } from "../audit/fabric-bundle.ts";
import { wrappedField } from "../audit/fabric-evidence.ts";
import { answerIn } from "../audit/fabric-statement.ts";
import { readGenesis } from "./genesis.ts";
import { openOrder } from "./order.ts";
import type { FabricProfile } from "./profile.ts";

/** From a real network, two changes of whose configuration are signed: see nodes/fabric/_record-evidence.ts. */
const { pinned, part } = JSON.parse(
  gunzipSync(readFileSync(new URL("../audit/vectors/fabric.json.gz", import.meta.url))).toString("utf8"),
) as { readonly pinned: PinnedFabric; readonly part: FabricPart };

function bytesOf({ data, statements: [first] }: FabricBlock): Uint8Array {
  const { before, after } = first!;
  const wrapped = data.flatMap((envelope) => wrappedField(Buffer.from(envelope, "base64url")));
  return answerIn(Buffer.concat([Buffer.from(before, "base64url"), ...wrapped, Buffer.from(after, "base64url")]));
}
const recorded = part.blocks.map(bytesOf);
const copyOf = (bytes: Uint8Array): common.Block => common.Block.deserializeBinary(bytes);
const hashOf = (block: common.Block): string => readBlockParts(block.serializeBinary()).hash;
const numberOf = (block: common.Block): number => block.getHeader()?.getNumber() ?? -1;
const [genesis, ...later] = recorded as [Uint8Array, ...Uint8Array[]];
const profile = { genesis: pinned.config.hash, organisations: [] as FabricProfile["organisations"] } as FabricProfile;
const none = () => Promise.reject(new Error("nothing is asked for"));
const isConfig = (bytes: Uint8Array): boolean => {
  const [data] = copyOf(bytes).getData()!.getDataList_asU8();
  const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(data!).getPayload_asU8());
  const header = common.ChannelHeader.deserializeBinary(payload.getHeader()!.getChannelHeader_asU8());
  return header.getType() === common.HeaderType.CONFIG;
};

/** The block with another configuration, its hashes in order: what a peer can make by itself. */
function forged(bytes: Uint8Array, change: (root: common.ConfigGroup) => void): common.Block {
  const block = copyOf(bytes);
  const envelope = common.Envelope.deserializeBinary(block.getData()!.getDataList_asU8()[0]!);
  const payload = common.Payload.deserializeBinary(envelope.getPayload_asU8());
  const configuration = common.ConfigEnvelope.deserializeBinary(payload.getData_asU8());
  change(configuration.getConfig()!.getChannelGroup()!);
  payload.setData(configuration.serializeBinary());
  envelope.setPayload(payload.serializeBinary());
  const data = envelope.serializeBinary();
  block.getData()!.setDataList([data]);
  block.getHeader()!.setDataHash(createHash("sha256").update(data).digest());
  return block;
}

const FORGERIES: readonly [string, (root: common.ConfigGroup) => void][] = [
  [
    "an organisation more",
    (root) => {
      const groups = root.getGroupsMap().get("Application")!.getGroupsMap();
      const [[name]] = groups.toArray() as unknown as [[string]];
      groups.set("Intruders", groups.get(name)!);
    },
  ],
  [
    "another policy of the ordering service",
    (root) => {
      const ordering = root.getGroupsMap().get("Orderer")!.getPoliciesMap();
      ordering.set("BlockValidation", root.getPoliciesMap().get("Readers")!);
    },
  ],
];

test("the channel is followed from the pinned first block through every change of its configuration", async () => {
  const order = await openOrder(profile, undefined, none);
  expect(order.inForce()).toBeUndefined();
  expect(order.verify(copyOf(genesis))).toMatchObject({ block: 0, hash: pinned.config.hash });
  let expected = { block: 0, hash: pinned.config.hash };
  for (const bytes of later) {
    if (isConfig(bytes)) expected = { block: numberOf(copyOf(bytes)), hash: hashOf(copyOf(bytes)) };
    expect(order.verify(copyOf(bytes))).toMatchObject(expected);
  }
  expect(order.inForce()?.config.sequence).toBeGreaterThan(1);
});

test.each(FORGERIES)("a first block with %s is another channel", async (_what, change) => {
  const order = await openOrder(profile, undefined, none);
  expect(() => order.verify(forged(genesis, change))).toThrow(/genesis: expected a first block/);
  await expect(async () => order.verify(copyOf(later.at(-1)!))).rejects.toMatchObject({ code: "ERR_LEDGER_PROFILE" });
});

test.each(FORGERIES)("a node that starts again takes no configuration with %s from a peer", async (_what, change) => {
  const bytes = later.findLast(isConfig)!;
  const held = { block: numberOf(copyOf(bytes)), hash: hashOf(copyOf(bytes)) };
  const asked: number[] = [];
  const good = await openOrder(profile, held, async (block) => {
    asked.push(block);
    return copyOf(bytes);
  });
  expect(asked).toEqual([held.block]);
  expect(good.verify(copyOf(later.at(-1)!))).toMatchObject(held);
  const lying = openOrder(profile, held, async () => forged(bytes, change));
  await expect(lying).rejects.toMatchObject({ code: "ERR_LEDGER_FORK" });
  await expect(openOrder(profile, held, async () => copyOf(genesis))).rejects.toMatchObject({
    code: "ERR_LEDGER_FORK",
  });
});

test.each(FORGERIES)("a change to %s that the ordering service did not sign is not followed", async (_what, change) => {
  const order = await openOrder(profile, { block: 0, hash: pinned.config.hash }, async () => copyOf(genesis));
  const first = later.find(isConfig)!;
  expect(() => order.verify(forged(first, change))).toThrow(/fabric-order-signature/);
  expect(order.verify(copyOf(first))).toMatchObject({ block: numberOf(copyOf(first)) });
});

test("a change of the configuration that is left out is noticed at the next block", async () => {
  const order = await openOrder(profile, { block: 0, hash: pinned.config.hash }, async () => copyOf(genesis));
  expect(() => order.verify(copyOf(later.at(-1)!))).toThrow(/is in force, this node holds 0/);
  expect(() => order.verify(copyOf(later.findLast(isConfig)!))).toThrow(/does not follow/);
});

test("what a profile pins is read from the first block alone", () => {
  const read = readGenesis(genesis, "genesis.block");
  expect(read).toEqual({
    channel: "sealane",
    genesis: pinned.config.hash,
    organisations: ["OrdererMSP", "Org1MSP", "Org2MSP"],
  });
  expect(() => readGenesis(later[0]!, "later.block")).toThrow(/later.block: expected block 0, got block/);
  expect(() => readGenesis(Buffer.from("none"), "other")).toThrow(/other: no first block of a channel/);
});
