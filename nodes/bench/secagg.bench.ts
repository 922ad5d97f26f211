/**
 * Two-layer secure aggregation with every role in this process, states and messages passing through JSON as a driver
 * stores and sends them. The floor of `nodeTimeRatio` is what no implementation can save: the AES-CTR key stream of the
 * masks of one value phase (n - 1 pairs, the self mask, the envelope) and its additions, measured in the same run.
 */
import { createCipheriv } from "node:crypto";
import { createNetwork, names, plainSum, type World } from "../../crypto/secagg/_network.ts";
import { defineBench } from "./bench.ts";

const CHUNK_WORDS = 8192;

const SIZES = { nodes: { full: 100, tiny: 5 }, length: { full: 100_000, tiny: 16 } };

export const secaggBench = defineBench(SIZES, async ({ sizes, note }) => {
  const { nodes, length: cells } = sizes;
  const members = names(nodes);
  const clock = { last: performance.now(), spent: new Map<string, number>() };
  const credit = (party: string): boolean => {
    const now = performance.now();
    clock.spent.set(party, (clock.spent.get(party) ?? 0) + now - clock.last);
    clock.last = now;
    return false;
  };
  const values = Object.fromEntries(
    members.map((member, i) => [member, Array.from({ length: cells }, (_, cell) => [BigInt(i * 7 + cell + 1)])]),
  );
  const world: World = {
    members,
    values,
    mode: "registry",
    dimensions: [{ name: "cell", size: cells }],
    crash: credit,
    intercept: (sent) => {
      clock.last = performance.now();
      return [sent];
    },
  };
  const network = createNetwork(world);
  note(`${nodes} members, ${cells} cells`);
  clock.last = performance.now();
  network.run();
  const wrong = network.decoded?.cells.findIndex(
    (cell, i) => cell.values[0] !== String(plainSum(world, members, i, 0)),
  );
  if (wrong !== -1) throw new Error("the decoded sums are not the sums of the contributions");
  const perMember = members.map((member) => clock.spent.get(member) ?? 0);
  const sent = network.sent.filter(({ from }) => from === members[0]);
  const bytes = sent.reduce((sum, { message }) => sum + JSON.stringify(message).length, 0);
  return {
    parameters: { nodes, cells, mode: "registry", layers: 2 },
    results: [
      {
        metric: "nodeTimeRatio",
        value: perMember.reduce((sum, ms) => sum + ms, 0) / nodes / floorMs(nodes + 1, cells),
        unit: "x",
        target: { atMost: 1.5 },
      },
      { metric: "coordinatorMs", value: clock.spent.get("coordinator") ?? 0, unit: "ms" },
      { metric: "bytesPerNode", value: bytes, unit: "bytes", target: { atMost: 8 * 2 * cells + 1_000 * nodes } },
    ],
  };
});

function floorMs(streams: number, words: number): number {
  const total = new BigUint64Array(words);
  const zero = new Uint8Array(CHUNK_WORDS * 8);
  const started = performance.now();
  for (let stream = 0; stream < streams; stream += 1) {
    const cipher = createCipheriv("aes-256-ctr", new Uint8Array(32).fill(stream + 1), new Uint8Array(16));
    for (let at = 0; at < words; at += CHUNK_WORDS) {
      const length = Math.min(CHUNK_WORDS, words - at);
      const bytes = cipher.update(zero.subarray(0, length * 8));
      const mask = new BigUint64Array(Uint8Array.from(bytes).buffer);
      for (let i = 0; i < length; i += 1) total[at + i] = total[at + i]! + mask[i]!;
    }
  }
  return performance.now() - started;
}
