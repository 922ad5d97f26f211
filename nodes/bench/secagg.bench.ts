/**
 * Two-layer secure aggregation with every role in this process and real cryptography. The second phase of one member
 * (mask, header, view and answer: every step from `values` on) is then done again, alone and in turns with its floor: the
 * AES-256-CTR key stream of its masks (neighbours, self, envelope) and their additions, as plain code over pieces that
 * stay in the cache. `nodeTimeRatio` compares the two; `ownMasksMs` is what our code for the same key streams and
 * additions takes. All three are processor time, so that other work on the machine does not count. Every statement is
 * verified once per process, and everyone is in this process: `checksMs`, the views without a tag for this member, whose
 * signatures it checks, is measured apart and in `nodePhaseMs`; `ledgerChecksMs`, the headers of the closing set, is what the node's ledger spends
 * on them when their record comes. `nodeSetupMs` is every step before `values`, done again in the same turns: keys, shares,
 * boxes, and what is agreed with each neighbour once for both of them and for the masks; with the signatures of all others
 * on keys, shares and accepts, likewise measured apart. With FLWR_PYTHON (a Python that has `flwr`) the same size runs through its SecAgg+ too.
 */
import { createCipheriv, createSecretKey } from "node:crypto";
import { createNetwork, type Network, names, valuesInChunks, type World } from "../../crypto/secagg/_network.ts";
import { graphKind, NEIGHBOURS } from "../../crypto/secagg/constants.ts";
import { forgetSecrets } from "../../crypto/secagg/key-agreement.ts";
import { applyMask } from "../../crypto/secagg/masks.ts";
import { stepMember } from "../../crypto/secagg/member.ts";
import type { MemberState } from "../../crypto/secagg/member-state.ts";
import type { MemberInput } from "../../crypto/secagg/step.ts";
import { arithmeticOf } from "../../crypto/secagg/words.ts";
import { signingIdentity, signStatement, verifySigned } from "../../crypto/suites/signed.ts";
import { type BenchOptions, defineBench, type Metric, percentile } from "./bench.ts";
import { collectGarbage } from "./collect-garbage.ts";
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
      { metric: "ownMasksMs", value: whole.ownMasksMs, unit: "ms" },
      { metric: "checksMs", value: whole.checksMs, unit: "ms" },
      { metric: "ledgerChecksMs", value: whole.ledgerChecksMs, unit: "ms" },
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
  readonly ownMasksMs: number;
  /** Of `phaseMs`: the signatures of views. */
  readonly checksMs: number;
  readonly ledgerChecksMs: number;
  readonly coordinatorMs: number;
  readonly bytes: number;
  readonly survivors: number;
}

const PHASE_2: readonly string[] = ["values", "close", "views-2", "receipt-2"];
const SENT_IN_PHASE_2: readonly string[] = ["contribution-2", "view-2", "unmask-2"];

/** A step of the member that is measured, to be done again. */
interface Step {
  readonly state: MemberState;
  readonly input: MemberInput;
  readonly now: number;
}

function measure(nodes: number, length: number, dropouts: number): Measured {
  const members = names(nodes);
  // In the middle: it adds as many masks as it subtracts.
  const measured = members[nodes >> 1]!;
  const streams = neighbours(nodes) + 2;
  // On an empty heap: later the collector would look through the network for each of its pieces, and flatter the ratio.
  const { floor } = inTurns({ floor: () => keyStreamsAdded(streams, length) });
  const ran = runNetwork(members, length, dropouts, measured);
  // A node has the memory of one member to look after, not that of a thousand.
  collectGarbage();
  const identity = signingIdentity(measured, "intl", new Uint8Array(32));
  const deps = {
    sign: (<S>(domain: Parameters<typeof signStatement>[1], one: S) => signStatement(identity, domain, one)) as never,
    random: (bytes: number) => new Uint8Array(bytes).fill(7),
    history: [],
  };
  const again = (steps: readonly Step[]): void => {
    for (const { state, input, now } of steps) stepMember(state, input, { ...deps, now });
  };
  const secrets = Object.values(secretsIn(ran.steps));
  const times = inTurns({
    setup: () => {
      forgetSecrets(secrets);
      again(ran.setup);
    },
    // With what was agreed on in the setup, as in a process that has not been started again since.
    phase: () => again(ran.steps),
    ownMasks: () => ownMasks(streams, length),
  });
  const checkMs = verifyMs();
  const checksMs = signedViews(ran.steps) * checkMs;
  return {
    setupMs: median(times.setup) + signedInSetup(nodes) * checkMs,
    phaseMs: median(times.phase) + checksMs,
    // Plain code runs ten times slower where V8 inlines the additions: the floor is then what our own masks take.
    floorMs: Math.min(least(floor), least(times.ownMasks)),
    ownMasksMs: median(times.ownMasks),
    checksMs,
    ledgerChecksMs: nodes * checkMs,
    coordinatorMs: ran.coordinatorMs,
    bytes: ran.bytes,
    survivors: ran.survivors,
  };
}

const neighbours = (nodes: number): number => (graphKind(nodes) === "complete" ? nodes - 1 : NEIGHBOURS);

/** Keys and accepts of everyone, the nonces behind a graph, and the roots of those who deal to a member. */
const signedInSetup = (nodes: number): number =>
  (graphKind(nodes) === "complete" ? 2 : 3) * nodes + neighbours(nodes) + 1;

/** Views that the member was shown without a tag of theirs for it: above 129 members those of others than its neighbours. */
function signedViews(steps: readonly Step[]): number {
  const shown = steps.map(({ input }) => (input.kind === "message" ? input.message : undefined));
  const { views, tags = [] } = shown.find((message) => message?.type === "views-2")!;
  return views.filter((_view, i) => (tags[i] ?? "") === "").length;
}

function secretsIn(steps: readonly Step[]): object {
  const { state } = steps[0]!;
  return "secrets" in state ? state.secrets : {};
}

/** One computation. Dropouts leave in equal parts before shares, contributions and views. Throws where a sum is not exact. */
function runNetwork(members: readonly string[], length: number, dropouts: number, measured: string) {
  const steps: Step[] = [];
  const setup: Step[] = [];
  let coordinatorMs = 0;
  const place = new Map(members.map((member, i) => [member, i]));
  const gone = members.slice(members.length - Math.floor(members.length * dropouts));
  const leaves = new Map(gone.map((member, i) => [member, ["shares", "contribution-2", "view-2"][i % 3]]));
  const world: World = {
    members,
    // Given as words below: one array per cell and member would not fit.
    values: {},
    answer: (member, effect) =>
      effect.kind === "compute-values"
        ? valuesInChunks(valuesOf(place.get(member)!, length), effect.chunkWords)
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
    timed(party, { state, input: given, now, ms }) {
      if (party === "coordinator") coordinatorMs += ms;
      if (party !== measured) return;
      const input = given as MemberInput;
      if (PHASE_2.includes(kindOf(input))) steps.push({ state: state as MemberState, input, now });
      else if (steps.length === 0) setup.push({ state: state as MemberState, input, now });
    },
  };
  const network = createNetwork(world);
  network.run();
  assertExact(members, network);
  return {
    setup,
    steps,
    coordinatorMs,
    bytes: bytesOf(network, measured),
    survivors: network.decoded!.survivors.length,
  };
}

function valuesOf(member: number, length: number): BigUint64Array {
  const words = new BigUint64Array(length);
  for (let cell = 0; cell < length; cell += 1) words[cell] = valueAt(member, cell);
  return words;
}

const WARM_UP = 5;
const TURNS = 15;

/** Processor time of each in milliseconds, ascending; in turns, so that a slow moment of the machine meets all of them. */
function inTurns<Name extends string>(works: Readonly<Record<Name, () => void>>): Record<Name, readonly number[]> {
  const names = Object.keys(works) as Name[];
  const spent = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let turn = -WARM_UP; turn < TURNS; turn += 1) {
    for (const name of names) {
      const before = process.cpuUsage();
      works[name]();
      const { user, system } = process.cpuUsage(before);
      if (turn >= 0) spent[name].push((user + system) / 1000);
    }
  }
  for (const name of names) spent[name].sort((a, b) => a - b);
  return spent;
}

const least = (ascending: readonly number[]): number => ascending[0]!;
const median = (samples: readonly number[]): number => percentile(samples, 0.5);

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
  const check = () => {
    for (const one of signed) verifySigned(identity.publicKey, "view", one);
  };
  return median(inTurns({ check }).check) / signed.length;
}

const keyOf = (stream: number): Uint8Array => new Uint8Array(32).fill(stream + 1);
const directionOf = (stream: number) => (stream % 2 === 0 ? "add" : "subtract");
const CHUNK_WORDS = 8192;

/** The floor: this many key streams and their additions over one vector, in pieces of 64 KiB and without copies. */
function keyStreamsAdded(streams: number, words: number): void {
  const zero = new Uint8Array(CHUNK_WORDS * 8);
  const total = new BigUint64Array(words);
  const arithmetic = arithmeticOf([1]);
  for (let stream = 0; stream < streams; stream += 1) {
    const combine = arithmetic[directionOf(stream)];
    const cipher = createCipheriv("aes-256-ctr", createSecretKey(keyOf(stream)), new Uint8Array(16));
    for (let at = 0; at < words; at += CHUNK_WORDS) {
      const length = Math.min(CHUNK_WORDS, words - at);
      const bytes = cipher.update(length === CHUNK_WORDS ? zero : zero.subarray(0, length * 8));
      const isAligned = bytes.byteOffset % 8 === 0;
      const buffer = (isAligned ? bytes.buffer : Uint8Array.from(bytes).buffer) as ArrayBuffer;
      combine(total.subarray(at, at + length), new BigUint64Array(buffer, isAligned ? bytes.byteOffset : 0, length));
    }
  }
}

function ownMasks(streams: number, words: number): void {
  const total = new BigUint64Array(words);
  const arithmetic = arithmeticOf([1]);
  for (let stream = 0; stream < streams; stream += 1) {
    applyMask(total, keyOf(stream), directionOf(stream), arithmetic);
  }
}
