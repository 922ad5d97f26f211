/**
 * Two-layer secure aggregation with every role in this process and real cryptography. `nodeTimeRatio` compares a
 * member's second phase (mask, header, view and answer: every step from `values` on) with the floor that no
 * implementation can save: the AES-CTR key stream of its masks (its neighbours, the self mask, the envelope) and their
 * additions, measured in the same run. Statements are verified once per process here, so the checks a member alone makes
 * (headers of the closing set, q views) are measured apart and added. With FLWR_PYTHON (a Python that has `flwr`) the
 * same size runs through its SecAgg+ too.
 */
import { createCipheriv } from "node:crypto";
import { createNetwork, type Network, names, type World } from "../../crypto/secagg/_network.ts";
import { graphKind, NEIGHBOURS, twoThirds } from "../../crypto/secagg/constants.ts";
import type { MemberInput } from "../../crypto/secagg/step.ts";
import { signingIdentity, signStatement, verifySigned } from "../../crypto/suites/signed.ts";
import { type BenchOptions, defineBench, type Metric, percentile } from "./bench.ts";
import { runFlower } from "./secagg-flower.ts";

const SIZES = {
  nodes: { full: 100, tiny: 5 },
  length: { full: 100_000, tiny: 16 },
  graphNodes: { full: 1000, tiny: 5 },
  graphLength: { full: 1000, tiny: 4 },
};

export const secaggBench = defineBench(SIZES, async ({ sizes, note, tiny }: BenchOptions<keyof typeof SIZES>) => {
  const { nodes, length, graphNodes, graphLength } = sizes;
  note(`${nodes} members, ${length} cells`);
  const whole = measure(nodes, length, 0);
  note(`${graphNodes} members, ${graphLength} cells, one in ten drops out`);
  const large = measure(graphNodes, graphLength, 0.1);
  const flower = tiny ? undefined : await runFlower(process.env["FLWR_PYTHON"], { nodes, length }, note);
  return {
    parameters: { nodes, length, graphNodes, graphLength, graphDropouts: 0.1, mode: "registry", layers: 2 },
    results: [
      { ...ratioMetric("nodeTimeRatio", whole), target: { atMost: 1.5 } },
      { metric: "nodePhaseMs", value: whole.phaseMs, unit: "ms" },
      { metric: "floorMs", value: whole.floorMs, unit: "ms" },
      { metric: "nodeSetupMs", value: whole.setupMs, unit: "ms" },
      { metric: "coordinatorMs", value: whole.coordinatorMs, unit: "ms" },
      { metric: "bytesPerNode", value: whole.bytes, unit: "bytes", target: { atMost: bytesAllowed(nodes, length) } },
      { metric: "graphNodePhaseMs", value: large.phaseMs, unit: "ms" },
      { metric: "graphNodeSetupMs", value: large.setupMs, unit: "ms" },
      { metric: "graphCoordinatorMs", value: large.coordinatorMs, unit: "ms" },
      { metric: "graphSurvivors", value: large.survivors, unit: "members" },
      {
        metric: "graphBytesPerNode",
        value: large.bytes,
        unit: "bytes",
        target: { atMost: bytesAllowed(graphNodes, graphLength) },
      },
      ...(flower === undefined
        ? []
        : [
            { metric: "flowerNodePhaseMs", value: flower.nodeMs, unit: "ms" },
            { metric: "flowerOverSealane", value: flower.nodeMs / whole.phaseMs, unit: "x" },
          ]),
    ],
  };
});

/** Bytes of one member in one phase: words of 8 bytes, and what grows with the members. */
const bytesAllowed = (nodes: number, length: number): number => 8 * 2 * length + 1_000 * nodes;
const ratioMetric = (metric: string, { phaseMs, floorMs }: Measured): Metric => ({
  metric,
  value: phaseMs / floorMs,
  unit: "x",
});

interface Measured {
  readonly setupMs: number;
  readonly phaseMs: number;
  readonly floorMs: number;
  readonly coordinatorMs: number;
  readonly bytes: number;
  readonly survivors: number;
}

const PHASE_2: readonly string[] = ["values", "close", "views-2", "receipt-2"];
const SENT_IN_PHASE_2: readonly string[] = ["contribution-2", "view-2", "unmask-2"];

/** Dropouts leave in equal parts before shares, contributions and views. Throws where a sum is not exact. */
function measure(nodes: number, length: number, dropouts: number): Measured {
  const members = names(nodes);
  const partners = graphKind(nodes) === "complete" ? nodes - 1 : NEIGHBOURS;
  // Before the heap holds a hundred vectors, whose collection would slow the floor and flatter the ratio.
  const floor = floorMs(partners + 2, length);
  const setup = new Map<string, number>();
  const phase = new Map<string, number>();
  let coordinatorMs = 0;
  const gone = members.slice(nodes - Math.floor(nodes * dropouts));
  const leaves = new Map(gone.map((member, i) => [member, ["shares", "contribution-2", "view-2"][i % 3]]));
  const world: World = {
    members,
    // Given as words below: one array per cell and member would not fit.
    values: {},
    answer: (member, effect) =>
      effect.kind === "compute-values"
        ? [
            {
              kind: "values",
              words: BigUint64Array.from({ length }, (_, cell) => valueAt(members.indexOf(member), cell)),
            },
          ]
        : undefined,
    mode: "registry",
    dimensions: [{ name: "cell", size: length }],
    constants: { drops: 0 },
    sharing: true,
    intercept: (sent, network) => {
      if (leaves.get(sent.from) !== sent.message.type) return [sent];
      network.silent.add(sent.from);
      return [];
    },
    timed(party, input, ms) {
      if (party === "coordinator") coordinatorMs += ms;
      const spent = PHASE_2.includes(kindOf(input as MemberInput)) ? phase : setup;
      spent.set(party, (spent.get(party) ?? 0) + ms);
    },
  };
  const network = createNetwork(world);
  network.run();
  assertExact(members, network);
  const stayed = members.filter((member) => !leaves.has(member));
  const median = (spent: ReadonlyMap<string, number>) =>
    percentile(
      stayed.map((member) => spent.get(member) ?? 0),
      0.5,
    );
  const checks = nodes + twoThirds(nodes);
  return {
    setupMs: median(setup),
    phaseMs: median(phase) + checks * verifyMs(),
    floorMs: floor,
    coordinatorMs,
    bytes: bytesOf(network, stayed[0]!),
    survivors: network.decoded!.survivors.length,
  };
}

const kindOf = (input: MemberInput): string =>
  input.kind === "message" ? input.message.type : input.kind === "ledger" ? input.record.record : input.kind;

const valueAt = (member: number, cell: number): bigint => BigInt(7 * member + cell + 1);

function assertExact(members: readonly string[], { decoded, problems }: Network): void {
  if (decoded === undefined || problems.length > 0) throw new Error(`no sum: ${problems[0]?.problem.message}`);
  const first = decoded.survivors.reduce((sum, member) => sum + valueAt(members.indexOf(member), 0), 0n);
  for (const { atom, values } of decoded.cells) {
    const wanted = first + BigInt(atom * decoded.survivors.length);
    if (values[0] !== String(wanted)) throw new Error(`cell ${atom}: a wrong sum`);
  }
}

/** Bytes a member sends in phase 2, binary values as bytes: the text of a transport is its own affair. */
function bytesOf(network: Network, member: string): number {
  const sent = network.sent.filter(({ from, message }) => from === member && SENT_IN_PHASE_2.includes(message.type));
  return sent.reduce((sum, { message }) => {
    if (!("words" in message)) return sum + JSON.stringify(message).length;
    const { words, ...rest } = message;
    return sum + JSON.stringify(rest).length + Math.floor((words.length * 3) / 4);
  }, 0);
}

/** One signature check of a statement as large as a header. */
function verifyMs(): number {
  const identity = signingIdentity("member", "intl", new Uint8Array(32));
  const signed = Array.from({ length: 200 }, (_, i) =>
    signStatement(identity, "view", { computation: `${i}`.padStart(36, "0"), digest: "A".repeat(43), position: i }),
  );
  const started = performance.now();
  for (const one of signed) verifySigned(identity.publicKey, "view", one);
  return (performance.now() - started) / signed.length;
}

const CHUNK_WORDS = 8192;
const FLOOR_RUNS = 9;

/** Median time of this many key streams and additions over one vector, in cache-sized chunks and without copies. */
function floorMs(streams: number, words: number): number {
  const zero = new Uint8Array(CHUNK_WORDS * 8);
  const once = (): number => {
    const total = new BigUint64Array(words);
    const started = performance.now();
    for (let stream = 0; stream < streams; stream += 1) {
      const cipher = createCipheriv("aes-256-ctr", new Uint8Array(32).fill(stream + 1), new Uint8Array(16));
      for (let at = 0; at < words; at += CHUNK_WORDS) {
        const length = Math.min(CHUNK_WORDS, words - at);
        const bytes = cipher.update(length === CHUNK_WORDS ? zero : zero.subarray(0, length * 8));
        const isAligned = bytes.byteOffset % 8 === 0;
        const buffer = (isAligned ? bytes.buffer : Uint8Array.from(bytes).buffer) as ArrayBuffer;
        addInto(total.subarray(at, at + length), new BigUint64Array(buffer, isAligned ? bytes.byteOffset : 0, length));
      }
    }
    return performance.now() - started;
  };
  once();
  return percentile(
    Array.from({ length: FLOOR_RUNS }, () => once()),
    0.5,
  );
}

function addInto(total: BigUint64Array, mask: BigUint64Array): void {
  for (let i = 0; i < total.length; i += 1) total[i] = total[i]! + mask[i]!;
}
