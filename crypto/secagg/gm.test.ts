import { createCipheriv } from "node:crypto";
import { expect, test } from "vitest";
import { createNetwork, names, plainSum, type World } from "./_network.ts";
import { assertUsablePublicKey, publicKeyOf } from "./key-agreement.ts";
import { maskWords } from "./masks.ts";

const worldOf = (over: Partial<World>): World => {
  const members = names(7);
  return {
    members,
    mode: "counted",
    dimensions: [{ name: "all", size: 1 }],
    values: Object.fromEntries(members.map((member, i) => [member, [[BigInt(i + 1)]]])),
    constants: { colluders: 0, minimumOrganisations: 3, need: 3, drops: 0 },
    opened: { suite: "gm" },
    ...over,
  };
};

test("a computation of suite gm gives the exact sum, whoever vanishes before contributing", () => {
  const world = worldOf({
    intercept: (sent, network) => {
      const vanishes = sent.message.type === "contribution-2" && (sent.from === "m002" || sent.from === "m005");
      if (vanishes) network.silent.add(sent.from);
      return vanishes ? [] : [sent];
    },
  });
  const network = createNetwork(world);
  network.run();
  expect(network.problems).toEqual([]);
  const { survivors, cells } = network.decoded!;
  expect(survivors).toHaveLength(5);
  expect(cells.map(({ values }) => values)).toEqual([[String(plainSum(world, survivors, 0, 0))]]);
  const keys = network.sent.flatMap(({ message }) => (message.type === "keys" ? [message.keys.statement.body] : []));
  expect(
    keys.map(({ pair1, pair2, seal, envelope }) => [pair1, pair2, seal, envelope].map(({ length }) => length)),
  ).toEqual(Array(7).fill([88, 88, 88, 88]));
});

test("a key of one suite is none of the other", () => {
  const key = "A".repeat(43);
  expect(() => assertUsablePublicKey("gm", publicKeyOf("intl", key), "key")).toThrow(/66 bytes/);
  expect(() => assertUsablePublicKey("intl", publicKeyOf("gm", key), "key")).toThrow(/32 bytes/);
});

test("a mask stream under a key of suite gm is SM4 in counter mode from counter 0", () => {
  const key = Buffer.from("0123456789abcdeffedcba9876543210", "hex");
  const [low, high] = maskWords(new Uint8Array(key), 2);
  const block = Buffer.alloc(16);
  block.writeBigUInt64LE(low!, 0);
  block.writeBigUInt64LE(high!, 8);
  expect(block.toString("hex")).toBe(createCipheriv("sm4-ecb", key, null).update(Buffer.alloc(16)).toString("hex"));
});
