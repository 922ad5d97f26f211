import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { readBlockParts } from "../audit/fabric-block.ts";
import type { FabricPart, FabricPlace, PinnedFabric } from "../audit/fabric-bundle.ts";
import { type ChannelConfig, readChannelConfig } from "../audit/fabric-channel.ts";
import { wrappedField } from "../audit/fabric-evidence.ts";
import { answerIn, type PeerStatement } from "../audit/fabric-statement.ts";
import { peerOf, statingConfig } from "./_stating-peer.ts";
import type { InForce } from "./order.ts";
import type { FabricProfile } from "./profile.ts";
import { createProver } from "./prover.ts";

/** From a real network of two organisations: see nodes/fabric/_record-evidence.ts. */
const { pinned, part, records } = JSON.parse(
  gunzipSync(readFileSync(new URL("../audit/vectors/fabric.json.gz", import.meta.url))).toString("utf8"),
) as {
  readonly pinned: PinnedFabric;
  readonly part: FabricPart;
  readonly records: readonly { readonly proof: FabricPlace }[];
};
const bytes = (text: string) => Buffer.from(text, "base64url");
/** By the number of their block: one of each organisation's peer. */
const statements = new Map<number, readonly PeerStatement[]>();
for (const { data, statements: stated } of part.blocks) {
  const wrapped = Buffer.concat(data.flatMap((envelope) => wrappedField(bytes(envelope))));
  const all = stated.map(({ proposal, before, after, endorser, signature }) => ({
    proposal: bytes(proposal),
    payload: Buffer.concat([bytes(before), wrapped, bytes(after)]),
    endorser: bytes(part.identities[endorser]!),
    signature: bytes(signature),
  }));
  statements.set(readBlockParts(answerIn(all[0]!.payload)).number, all);
}
const partsOf = (block: number) => readBlockParts(answerIn(statements.get(block)![0]!.payload));
const isConfig = (block: number): boolean => partsOf(block).signatures.length > 0 && configAt(block) !== undefined;
function configAt(block: number): ChannelConfig | undefined {
  try {
    return readChannelConfig(partsOf(block).envelopes[0]!);
  } catch {
    return undefined;
  }
}
const latest = [...statements.keys()].filter(isConfig).at(-1)!;
/** Real, but for the peers that state the policy. */
const config: ChannelConfig = {
  ...configAt(latest)!,
  identify(identity) {
    const isStating = Buffer.from(identity).toString().length < 20;
    return isStating ? statingConfig.identify(identity) : configAt(latest)!.identify(identity);
  },
};
const { block, transaction, record } = records.at(-1)!.proof;

function proving({ genesis = pinned.config.hash, own = {} as Partial<InForce> } = {}) {
  const asked: number[] = [];
  let policies = 0;
  const inForce = { config, block: latest, hash: partsOf(latest).hash, ...own };
  const all = ["Org1MSP", "Org2MSP"].map((mspId, at) => ({
    mspId,
    ask(...question: Parameters<ReturnType<typeof peerOf>["ask"]>) {
      if (at === 0) policies += 1;
      return peerOf(mspId, pinned.policy).ask(...question);
    },
    async statement(number: number) {
      asked.push(number);
      return statements.get(number)![at]!;
    },
  }));
  const profile = { channel: "sealane", chaincode: "sealane", genesis } as FabricProfile;
  const state = { inForce: inForce as InForce, held: latest };
  const prover = createProver({ profile, peers: { all }, inForce: () => state.inForce, block: () => state.held });
  return { asked, state, policies: () => policies, prove: () => prover.prove({ block, transaction, record }) };
}

test("a proof begins with the configuration that the profile pins and ends with the one this node follows", async () => {
  const { prove, asked } = proving();
  expect(await prove()).toMatchObject({ place: { block }, policy: pinned.policy });
  const once = asked.length;
  await prove();
  expect(asked.length).toBe(once);
});

test("peers that all show another first configuration, or another one in force, prove nothing", async () => {
  const said = { code: "ERR_LEDGER_FORK", message: expect.stringContaining("not the configuration that this node") };
  await expect(proving({ genesis: "x".repeat(43) }).prove()).rejects.toMatchObject(said);
  await expect(proving({ own: { hash: "x".repeat(43) } }).prove()).rejects.toMatchObject(said);
});

test("whose endorsements count is asked for once for the records of one block height, and anew after the next block", async () => {
  const { prove, state, policies } = proving();
  await prove();
  await prove();
  expect(policies()).toBe(1);
  state.held += 1;
  await prove();
  expect(policies()).toBe(2);
});

test("after a change of the configuration the peers are asked anew: other certificates may count", async () => {
  const { prove, asked, state } = proving();
  await prove();
  const once = asked.length;
  state.inForce = { ...state.inForce, config: { ...config, sequence: config.sequence + 1 } };
  await prove();
  expect(asked.length).toBe(2 * once);
});
