/**
 * An in-memory network for tests: every role, a ledger that orders what C and members submit, a clock that jumps to
 * the next deadline when nothing else can happen. States pass through JSON at every step, as a driver would store them.
 */
import { createHash } from "node:crypto";
import { saltedDigest } from "../suites/digest.ts";
import { toBase64url } from "../suites/encoding.ts";
import { type Signed, type SigningIdentity, signingIdentity, signStatement } from "../suites/signed.ts";
import { encodeBitmap, registryContributors } from "./cells.ts";
import { addChunk, emptyChunk, type SumPlan, takeMasksOffChunk } from "./chunk-sum.ts";
import { CHUNK_WORDS, constantsFor, graphKind } from "./constants.ts";
import { startCoordinator, stepCoordinator } from "./coordinator.ts";
import { mayBeLost } from "./coordinator-losses.ts";
import type { CoordinatorState } from "./coordinator-state.ts";
import { chunkAt, chunkCount, chunksOf } from "./cut.ts";
import { SecaggError } from "./errors.ts";
import type { HistoryEntry } from "./history.ts";
import type { Layout } from "./layout.ts";
import { startMember, stepMember } from "./member.ts";
import type { MemberState } from "./member-state.ts";
import { checkMessage, type Message, maximumBytes } from "./messages.ts";
import type { CellDimension, Constants, LedgerRecord, Opened, Parties, Sign } from "./opened.ts";
import { createReceiverKey, type ReceiverState, startReceiver, stepReceiver } from "./receiver.ts";
import type {
  CoordinatorEffect,
  CoordinatorInput,
  Decoded,
  MemberEffect,
  MemberInput,
  ReceiverInput,
  Send,
} from "./step.ts";
import { decodeElements, encodeElements, periodOf } from "./words.ts";

export const START = Date.parse("2026-01-01T00:00:00Z");
const HOUR = 3_600_000;
const MOST_ATTEMPTS = 100;

/** Deterministic bytes for tests. */
export function seededRandom(seed: string): (bytes: number) => Uint8Array {
  let counter = 0;
  return (bytes) => {
    const out = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += 32) {
      out.set(
        createHash("sha256")
          .update(`${seed}/${counter++}`)
          .digest()
          .subarray(0, Math.min(32, bytes - at)),
        at,
      );
    }
    return out;
  };
}

export interface World {
  readonly members: readonly string[];
  /** values[member][atom][component]; a member contributes to an atom where any value is non-zero. */
  readonly values: Readonly<Record<string, readonly (readonly bigint[])[]>>;
  readonly mode: "registry" | "counted";
  readonly dimensions: readonly CellDimension[];
  readonly components?: readonly (1 | 2)[];
  readonly constants?: Partial<Constants>;
  readonly layout?: Partial<Layout>;
  readonly attributes?: Parties["attributes"];
  readonly units?: Readonly<Record<string, number>>;
  readonly versions?: Readonly<Record<string, number>>;
  readonly histories?: Map<string, HistoryEntry[]>;
  readonly computation?: string;
  readonly seed?: string;
  readonly opened?: Partial<Opened>;
  /** What really travels: the same message, others in its place, or nothing. */
  readonly intercept?: (sent: Send & { from: string }, network: Network) => readonly (Send & { from: string })[];
  /** What really travels of the chunks after the first one. */
  readonly chunk?: (
    sent: Omit<Extract<CoordinatorInput, { kind: "chunk" }>, "kind">,
  ) => readonly { readonly index: number; readonly words: Uint8Array }[];
  /** Told of every chunk that C stores. */
  readonly kept?: (effect: Extract<CoordinatorEffect, { kind: "keep" }>) => void;
  /** Lets a test replace what C submits; undefined swallows it. */
  readonly submit?: (record: LedgerRecord) => LedgerRecord | undefined;
  /** true: the party is killed after persisting and before sending, then resumes. */
  readonly crash?: (party: string, count: number) => boolean;
  /** true: after this step C is killed, and goes on from the last state that it had to save. */
  readonly forgets?: (step: number) => boolean;
  /** true: C's replica reaches this record only when nothing else happens any more. */
  readonly lags?: (record: LedgerRecord) => boolean;
  /** Told how long each step took, without what the network does around it, and from which state it went. */
  readonly timed?: (
    party: string,
    step: { state: unknown; input: MemberInput | CoordinatorInput | ReceiverInput; now: number; ms: number },
  ) => void;
  /** Large cohorts: states and messages are handed on as they are instead of through JSON. */
  readonly sharing?: boolean;
  /** Overrides the answer to an effect of a member. */
  readonly answer?: (member: string, effect: MemberEffect) => readonly MemberInput[] | undefined;
}

export interface Network {
  readonly opened: Opened;
  readonly parties: Parties;
  readonly layout: Layout;
  readonly identities: ReadonlyMap<string, SigningIdentity>;
  readonly members: Map<string, MemberState>;
  readonly histories: Map<string, HistoryEntry[]>;
  coordinator: CoordinatorState;
  receiver: ReceiverState;
  decoded: ReturnType<typeof legible> | undefined;
  now: number;
  readonly records: LedgerRecord[];
  readonly sent: (Send & { from: string })[];
  readonly problems: { party: string; problem: SecaggError }[];
  readonly blames: Extract<CoordinatorEffect, { kind: "blame" }>[];
  readonly withheld: string[];
  /** Members that have gone silent: they neither receive nor send. */
  readonly silent: Set<string>;
  /** Private key of R, for simulations of an R that colludes. */
  readonly receiverPrivateKey: string;
  /** Runs until nothing more can happen. */
  run(): void;
  /** Gives one input to a member outside the flow. */
  give(member: string, input: MemberInput): void;
  record(record: LedgerRecord): void;
  sign(member: string): Sign;
}

export const C = "coordinator";
export const R = "receiver";
export const names = (n: number): string[] =>
  Array.from({ length: n }, (_, i) => `m${String(i + 1).padStart(Math.max(3, String(n).length), "0")}`);
export const uuid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

const copyOf = <T>(state: T): T => JSON.parse(JSON.stringify(state)) as T;
const salted = (document: unknown) => {
  const salt = new Uint8Array(32).fill(7);
  return { salt: toBase64url(salt), document, digest: saltedDigest(salt, document) };
};

/** As a driver answers `compute-values`. */
export const valuesInChunks = (vector: BigUint64Array, chunkWords: number): MemberInput[] =>
  chunksOf(vector, { words: vector.length, chunkWords }).map((words, index) => ({ kind: "values", index, words }));

/** As R's driver answers `sum`, from the chunks that C holds. */
export function sumUp(plan: SumPlan, chunkOf: (member: string, index: number) => Uint8Array): ReceiverInput {
  const words = new BigUint64Array(plan.words);
  for (let index = 0; index < chunkCount(plan); index++) {
    const sum = emptyChunk(plan, index);
    try {
      for (const one of plan.contributions) {
        const first = index === 0 ? one.first : undefined;
        addChunk(plan, sum, index, one, first ?? chunkOf(one.member, index));
      }
    } catch (problem) {
      return { kind: "not-summed", reason: (problem as Error).message };
    }
    takeMasksOffChunk(plan, sum, index);
    words.set(sum, chunkAt(plan, index).start);
  }
  return { kind: "summed", words };
}

/** With the sums of each cell as decimal text. */
function legible(decoded: Decoded, components: readonly (1 | 2)[]) {
  const period = periodOf(components);
  const cells = decoded.cells.map((cell, i) => ({
    ...cell,
    values: decodeElements(decoded.words.slice(i * period, (i + 1) * period), components).map(String),
  }));
  return { ...decoded, cells };
}

export function createNetwork(world: World): Network {
  const throughJson = <T>(value: T): T => (world.sharing === true ? value : copyOf(value));
  const { members } = world;
  const seed = world.seed ?? "seed";
  const random = seededRandom(seed);
  const identities = new Map(
    [...members, C, R, "requester", "sequencer"].map((id) => [
      id,
      signingIdentity(id, "intl", seededRandom(`identity/${id}`)(32)),
    ]),
  );
  const signer =
    (id: string): Sign =>
    <S>(domain: Parameters<Sign>[0], statement: S): Signed<S> =>
      signStatement(identities.get(id)!, domain, statement);
  const components = world.components ?? [1];
  const atoms = world.dimensions.reduce((product, { size }) => product * size, 1);
  const layout: Layout = {
    atoms,
    components,
    excluded: [],
    minimumOrganisations: 0,
    recordKeys: Array.from({ length: atoms }, (_, atom) => [`cell-${atom}`]),
    units: Object.fromEntries(members.map((member) => [member, { kind: "provider" as const }])),
    sharedUnitDomains: false,
    chunkWords: CHUNK_WORDS,
    ...world.layout,
  };
  const documents = { query: salted({ query: 1 }), layout: salted({ layout: 1 }), policy: salted({ policy: 1 }) };
  const computation = world.computation ?? uuid(1);
  const about = { computation, request: uuid(999), receiver: R, suite: world.opened?.suite ?? "intl" };
  const receiverKey = createReceiverKey(about, { random, sign: signer(R) });
  const at = (hours: number) => new Date(START + hours * HOUR).toISOString();
  const defaults = constantsFor({
    members: members.length,
    ...(members.length <= 4 ? { colluders: 0, minimumOrganisations: 3 } : {}),
    ...world.constants,
  });
  const opened: Opened = {
    computation,
    request: about.request,
    queryDigest: documents.query.digest,
    layoutDigest: documents.layout.digest,
    policyDigest: documents.policy.digest,
    cohort: members.map((member, i) => ({
      member,
      holdingGroup: `group-${member}`,
      asset: `${member}:data`,
      assetVersion: world.versions?.[member] ?? 1,
      agreement: uuid(1000 + i),
    })),
    coordinator: C,
    receiver: R,
    receiverKey: receiverKey.signed,
    receiverMode: "reviewed",
    constants: { ...defaults, ...world.constants },
    graph: graphKind(members.length),
    cells: { mode: world.mode, dimensions: world.dimensions },
    deadlines: { keys: at(1), shares: at(2), contribution1: at(3), contribution2: at(4), release: at(24) },
    ...world.opened,
  };
  const parties: Parties = {
    requester: "requester",
    sequencer: "sequencer",
    identities: Object.fromEntries(
      [...identities].map(([id, { suite, publicKey }]) => [id, { suite, publicKey: toBase64url(publicKey) }]),
    ),
    groups: Object.fromEntries([C, R, "requester", "sequencer"].map((id) => [id, `group-${id}`])),
    attributes: world.attributes ?? {},
    restarts: 0,
    coordinatorMaySequence: false,
  };
  const plain = ({ salt, document }: { salt: string; document: unknown }) => ({ salt, document });
  const histories = world.histories ?? new Map<string, HistoryEntry[]>();
  /** What C has stored, chunk by chunk, and what members have to send after the first one. */
  const kept = new Map<string, Uint8Array[]>();
  const toSend = new Map<string, Uint8Array>();
  const queue: (() => void)[] = [];
  /** Of C's replica, once the queue is empty. */
  const lagging: (() => void)[] = [];
  /** What C's replica has reached. */
  const reached: LedgerRecord[] = [];
  const wakes = new Set<number>();
  const counters = new Map<string, number>();
  let stepsOfC = 0;
  /** What a process has computed and not fed to its role dies with it. */
  const lives = new Map<string, number>();
  const lifeOf = (party: string): number => lives.get(party) ?? 0;

  const own = (member: string) => {
    const present = layout.recordKeys.map((_, atom) => (world.values[member]![atom]!.some((v) => v !== 0n) ? 1 : 0));
    return { present, units: present.map((k) => k * (world.units?.[member] ?? 1)) };
  };
  const answers = (member: string, effect: MemberEffect): readonly MemberInput[] => {
    const given = world.answer?.(member, effect);
    if (given !== undefined) return given;
    if (effect.kind === "review") return [{ kind: "reviewed", layout }];
    if (effect.kind === "compute-counts") return [{ kind: "counts", ...own(member) }];
    if (effect.kind === "compute-values") {
      const values = effect.included.flatMap((atom) => [...world.values[member]![atom]!]);
      return valuesInChunks(encodeElements(values, components), effect.chunkWords);
    }
    return [];
  };

  const network: Network = {
    opened,
    parties,
    layout,
    identities,
    histories,
    members: new Map(members.map((self) => [self, startMember({ self, opened, parties })])),
    coordinator: startCoordinator({
      opened,
      parties,
      layout,
      documents: { query: plain(documents.query), layout: plain(documents.layout), policy: plain(documents.policy) },
    }),
    receiver: startReceiver({ opened, parties, layout, privateKey: receiverKey.privateKey }),
    decoded: undefined,
    now: START,
    records: [],
    sent: [],
    problems: [],
    blames: [],
    withheld: [],
    silent: new Set(),
    receiverPrivateKey: receiverKey.privateKey,
    sign: signer,
    give: (member, input) => stepOneMember(member, input),
    record: (record) => publish(record),
    run() {
      queue.push(() => stepC({ kind: "resume" }));
      for (;;) {
        const task = queue.shift() ?? lagging.shift();
        if (task !== undefined) {
          task();
          continue;
        }
        const next = [...wakes]
          .filter((time) => time >= network.now && time < START + 48 * HOUR)
          .toSorted((a, b) => a - b)[0];
        if (next === undefined) return;
        wakes.delete(next);
        network.now = next;
        for (const member of members) queue.push(() => stepOneMember(member, { kind: "tick" }));
        queue.push(() => stepC({ kind: "tick" }));
      }
    },
  };

  let saved = network.coordinator;
  const guard = (party: string, work: () => void, isTriedAgain?: (problem: SecaggError) => boolean): void => {
    try {
      work();
    } catch (problem) {
      if (!(problem instanceof SecaggError)) throw problem;
      if (isTriedAgain?.(problem) === true) return;
      network.problems.push({ party, problem });
    }
  };
  /** Sends, or is killed just before it and resumes. */
  const proceed = (party: string, send: readonly Send[], effects: () => void, resume: () => void): void => {
    const count = (counters.get(party) ?? 0) + 1;
    counters.set(party, count);
    if (world.crash?.(party, count) === true) {
      lives.set(party, lifeOf(party) + 1);
      queue.push(resume);
      return;
    }
    for (const message of send) transmit({ from: party, ...message });
    effects();
  };

  function transmit(sent: Send & { from: string }): void {
    if (network.silent.has(sent.from)) return;
    network.sent.push(sent);
    const travelling = world.intercept?.(sent, network) ?? [sent];
    for (const { from, to, message } of travelling) {
      if (network.silent.has(sent.from)) return;
      const copy = throughJson(message);
      queue.push(() => deliver(from, to, copy));
      if (message.type !== "contribution-1" && message.type !== "contribution-2") continue;
      const phase = message.type === "contribution-1" ? 1 : 2;
      // Not what a liar's message claims: what its words were cut into.
      for (let index = 1; ; index += 1) {
        const words = toSend.get(`${phase}/${from}/${index}`);
        if (words === undefined) break;
        for (const chunk of world.chunk?.({ from, phase, index, words }) ?? [{ index, words }]) {
          queue.push(() => stepC({ kind: "chunk", from, phase, ...chunk }));
        }
      }
    }
  }

  function deliver(from: string, to: string, message: Message): void {
    guard(to, () => {
      const words = Math.max(2 * atoms, atoms * components.reduce<number>((sum, w) => sum + w, 0));
      const limit = maximumBytes(message.type, { members: members.length, words, atoms });
      if (world.sharing !== true && JSON.stringify(message).length > limit)
        throw new Error(`size rule of ${message.type} is too small`);
      const checked = checkMessage(message);
      if (to === C) stepC({ kind: "message", from, message: checked });
      else if (to === R) stepR({ kind: "message", from, message: checked });
      else stepOneMember(to, { kind: "message", from, message: checked });
    });
  }

  function stepOneMember(self: string, input: MemberInput): void {
    if (network.silent.has(self)) return;
    guard(self, () => {
      const history = histories.get(self) ?? [];
      const deps = { now: network.now, sign: signer(self), random, history };
      const started = performance.now();
      const previous = network.members.get(self)!;
      const { state, send, effects } = stepMember(previous, input, deps);
      world.timed?.(self, { state: previous, input, now: network.now, ms: performance.now() - started });
      for (const effect of effects) {
        if (effect.kind === "keep") toSend.set(`${effect.phase}/${self}/${effect.index}`, effect.words.slice());
        if (effect.kind === "history" && !history.some(({ digest }) => digest === effect.entry.digest)) {
          histories.set(self, [...history, effect.entry]);
        }
      }
      network.members.set(self, throughJson(state));
      proceed(
        self,
        send,
        () => {
          for (const effect of effects) {
            if (effect.kind === "wake") wakes.add(effect.at);
            if (effect.kind === "submit") submit(effect.type, effect.body);
            if (effect.kind === "blame") network.blames.push(effect);
            const life = lifeOf(self);
            for (const answer of answers(self, effect)) {
              queue.push(() => (lifeOf(self) === life ? stepOneMember(self, answer) : undefined));
            }
          }
        },
        () => stepOneMember(self, { kind: "resume" }),
      );
    });
  }

  /** As drivers do: what is ahead of C is sent again, and who sent what is refused otherwise is named. */
  function isSentAgain(problem: SecaggError, input: CoordinatorInput, attempt: number): boolean {
    if (problem.code === "ERR_SECAGG_ORDER" && attempt < MOST_ATTEMPTS) {
      queue.push(() => stepC(input, attempt + 1));
      return true;
    }
    if (input.kind === "message" && problem.code !== "ERR_SECAGG_STAGE") {
      const reason = `refused-${input.message.type}`;
      network.blames.push({ kind: "blame", member: input.from, reason, evidence: problem.message });
    }
    return false;
  }

  function stepC(input: CoordinatorInput, attempt = 0): void {
    const step = () => {
      const deps = {
        now: network.now,
        sign: signer(C),
        random,
        kept: (phase: 1 | 2, member: string, index: number) => kept.get(`${phase}/${member}`)![index]!,
        held: (phase: 1 | 2, member: string) => kept.get(`${phase}/${member}`)?.length ?? 0,
      };
      const started = performance.now();
      const previous = network.coordinator;
      const { state, send, effects } = stepCoordinator(previous, input, deps);
      world.timed?.(C, { state: previous, input, now: network.now, ms: performance.now() - started });
      for (const effect of effects) {
        if (effect.kind !== "keep") continue;
        const name = `${effect.phase}/${effect.member}`;
        world.kept?.(effect);
        const chunks = effect.index === 0 ? [] : [...(kept.get(name) ?? [])];
        chunks[effect.index] = effect.words.slice();
        kept.set(name, chunks);
      }
      network.coordinator = throughJson(state);
      proceed(
        C,
        send,
        () => {
          for (const effect of effects) {
            if (effect.kind === "wake") wakes.add(effect.at);
            if (effect.kind === "blame") network.blames.push(effect);
            if (effect.kind === "submit") submit(effect.type, effect.body);
          }
        },
        () => stepC({ kind: "resume" }),
      );
      if (!mayBeLost(input, { send, effects })) saved = network.coordinator;
      stepsOfC += 1;
      if (world.forgets?.(stepsOfC) !== true) return;
      network.coordinator = saved;
      queue.push(() => stepC({ kind: "resume" }));
      for (const record of reached) queue.push(() => stepC({ kind: "ledger", record: throughJson(record) }));
    };
    guard(C, step, (problem) => isSentAgain(problem, input, attempt));
  }

  function stepR(input: Parameters<typeof stepReceiver>[1]): void {
    guard(R, () => {
      const started = performance.now();
      const previous = network.receiver;
      const { state, effects } = stepReceiver(previous, input, { now: network.now, sign: signer(R) });
      world.timed?.(R, { state: previous, input, now: network.now, ms: performance.now() - started });
      network.receiver = throughJson(state);
      for (const effect of effects) {
        if (effect.kind === "decoded") {
          network.decoded = legible(effect.result, components);
          publishAt({ record: "release" });
        }
        if (effect.kind === "sum")
          queue.push(() => stepR(sumUp(effect.plan, (m, index) => kept.get(`2/${m}`)![index]!)));
        if (effect.kind === "withhold") {
          network.withheld.push(effect.reason);
          publishAt({ record: "withhold" });
        }
      }
    });
  }

  type Unplaced<T> = T extends unknown ? Omit<T, "position" | "time"> : never;
  function publishAt(record: Unplaced<LedgerRecord>): void {
    const placed = { ...record, position: 100 + network.records.length, time: new Date(network.now).toISOString() };
    publish(placed as LedgerRecord);
  }

  function publish(original: LedgerRecord): void {
    const record = world.submit === undefined ? original : world.submit(original);
    if (record === undefined) return;
    network.records.push(record);
    const input = () => ({ kind: "ledger" as const, record: throughJson(record) });
    // Replicas follow at their own pace: R and half of the members are ahead of C.
    queue.push(() => stepR(input()));
    members.forEach((member, i) => {
      if (i % 2 === 0) queue.push(() => stepOneMember(member, input()));
    });
    const reach = () => {
      reached.push(record);
      stepC(input());
    };
    if (world.lags?.(record) === true) lagging.push(reach);
    else queue.push(reach);
    members.forEach((member, i) => {
      if (i % 2 === 1) queue.push(() => stepOneMember(member, input()));
    });
  }

  const once = new Set<string>();
  function submit(type: string, given: unknown): void {
    const body = given as {
      phase?: 1 | 2;
      members: string[];
      root: string;
      receipt?: { statement: { member: string } };
    };
    const key = `${type}/${body.phase ?? ""}/${body.receipt?.statement.member ?? ""}`;
    if (once.has(key)) return;
    once.add(key);
    const { computation: _c, ...rest } = given as { computation: string };
    if (type === "computation.omitted") {
      publishAt({ record: "omitted", phase: body.phase!, member: body.receipt!.statement.member });
    } else if (type === "computation.maskset" && world.mode === "registry") {
      publishAt({ record: "maskset", members: body.members, root: body.root, bitmap: contractBitmap(body.members) });
    } else {
      publishAt({ record: type.slice("computation.".length), ...rest } as never);
    }
  }

  /** What the contract does: cells of at least `need` members, then the left-out rule. */
  function contractBitmap(survivors: readonly string[]): string {
    const contributors = registryContributors(opened, parties, survivors, atoms);
    const { need } = opened.constants;
    let included = contributors.flatMap((who, atom) => (who.length >= need ? [atom] : []));
    for (;;) {
      const inside = new Set(included);
      const joint = new Set([...new Set(contributors.filter((_, atom) => !inside.has(atom)))].flat()).size;
      if (joint === 0 || joint >= need || included.length === 0) return encodeBitmap(atoms, included);
      const fewest = included.reduce((least, atom) => Math.min(least, contributors[atom]!.length), Number.MAX_VALUE);
      const victim = included.find((atom) => contributors[atom]!.length === fewest);
      included = included.filter((atom) => atom !== victim);
    }
  }

  return network;
}

/** Sum over survivors of one cell, in the clear. */
export const plainSum = (world: World, survivors: readonly string[], atom: number, component: number): bigint =>
  survivors.reduce((sum, member) => sum + world.values[member]![atom]![component]!, 0n);
