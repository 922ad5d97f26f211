/** A sequencer that shows its members other ledgers than the one it keeps. The tests follow one another on one network. */
import { cp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readComputationOpened, readComputationStep, readRequest } from "../../chaincode/rules/keys.ts";
import { statementsRoot } from "../../crypto/secagg/merkle.ts";
import type { Message, MessageOf } from "../../crypto/secagg/messages.ts";
import { computationOf } from "../../exchange/computations/ledger-record.ts";
import { record, transaction, uuidOf } from "../../exchange/requests/record.ts";
import type { LogBatch } from "../../ledger/embedded/sequencer-api.ts";
import { type Answer, answerOf, type Call, contentOf } from "./_calls.ts";
import { type Fork, forkedAt } from "./_fork.ts";
import { TRANSPORTS } from "./_front.ts";
import {
  type Attacked,
  asked,
  attackedNetwork,
  heard,
  opened,
  outputOf,
  PATIENCE_MS,
  PROVIDERS,
  partyOf,
  spokenIn,
  tells,
} from "./_network.ts";

const LEDGER = "/peer/v1/ledger/";
const isBatches = ({ path }: Call) => path.startsWith(`${LEDGER}batches`);
const waits = { timeout: PATIENCE_MS, interval: 50 };

/** Any record of the treasury's that everyone may see. */
const submission = (name: string) => {
  const request = uuidOf({ name });
  return { request, digest: "A".repeat(43), assets: ["alpha:panel", "beta:panel", "gamma:panel"], receiver: "bureau" };
};

/** `earlier` is one that the replica has taken already. */
const TAMPERED: readonly (readonly [string, (batch: LogBatch, earlier: LogBatch) => LogBatch])[] = [
  ["leaves a record out", (batch) => ({ ...batch, entries: batch.entries.slice(1) })],
  ["puts records in another order", (batch) => ({ ...batch, entries: renumbered([...batch.entries].reverse()) })],
  [
    "moves a record in time",
    (batch) => ({ ...batch, entries: batch.entries.map((one) => ({ ...one, time: "2001-01-01T00:00:00.000Z" })) }),
  ],
  ["says again what it has said before", (_batch, earlier) => earlier],
];
const renumbered = (entries: LogBatch["entries"]): LogBatch["entries"] => {
  const positions = entries.map(({ position }) => position).sort((a, b) => a - b);
  return entries.map((entry, at) => ({ ...entry, position: positions[at]! }));
};

describe.each(TRANSPORTS)("over %s", (transport) => {
  let world: Attacked;
  let fork: Fork | undefined;
  beforeAll(async () => {
    world = await attackedNetwork({}, transport);
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await fork?.close();
  });

  const heightOf = async (member: string) => (await world.network.net.node(member).services.ledger.status()).height;
  const rootOf = async (member: string) => (await world.network.net.node(member).services.ledger.status()).root;

  const submitted = (member: string, name: string) =>
    record(partyOf(world.network, member), "request.submit", submission(name), name);

  test.each(TAMPERED)("P-ledger-replayed: a replica takes nothing from a sequencer that %s", async (name, tamper) => {
    const { network, fronts } = world;
    let isLying = false;
    let lies = 0;
    let earlier: LogBatch | undefined;
    const stop = fronts.operator.lie(async (call, next) => {
      const answer = await next();
      if (call.from !== "gamma" || !isBatches(call) || answer.status !== 200) return answer;
      const { batches } = contentOf<{ batches: readonly LogBatch[] }>(answer);
      if (!isLying) {
        earlier ??= batches[0];
        return answer;
      }
      if (batches.length > 0) lies += 1;
      return answerOf({ batches: batches.map((batch) => tamper(batch, earlier!)) });
    });
    // The long poll that is under way does not pass this rule yet; the next one does.
    await submitted("treasury", `before it ${name}`);
    await network.net.settled();
    isLying = true;
    const before = await heightOf("gamma");
    const party = partyOf(network, "treasury");
    const both = [1, 2].map((at) => transaction(party, "request.submit", submission(`${name}/${at}`), `${name}/${at}`));
    await party.ledger.submit(both);
    await vi.waitFor(() => expect(lies).toBeGreaterThan(1), waits);
    expect(await heightOf("gamma")).toBe(before);
    stop();
    // Nothing was signed that says otherwise, so it is no evidence, and gamma goes on as soon as it is told the truth.
    await network.net.settled();
    expect(await rootOf("gamma")).toBe(await rootOf("operator"));
  });

  test("P-acknowledged: a record that the sequencer answers for and leaves out stays with its author until it is there", async () => {
    const { network, fronts } = world;
    let lies = 0;
    const stop = fronts.operator.lie(async (call, next) => {
      if (call.from !== "treasury" || call.path !== `${LEDGER}transactions`) return await next();
      lies += 1;
      const { transactions } = contentOf<{ transactions: unknown[] }>(call);
      const at = { position: 0, time: "2026-01-01T00:00:00.000Z" };
      return answerOf({ answers: transactions.map((transaction) => ({ ok: true, entry: { ...at, transaction } })) });
    });
    let isAnswered = false;
    const answer = submitted("treasury", "left out").then((entry) => {
      isAnswered = true;
      return entry;
    });
    await vi.waitFor(() => expect(lies).toBeGreaterThan(1), waits);
    expect(isAnswered).toBe(false);
    expect((await network.net.node("treasury").services.ledger.status()).outbox).toBe(1);
    stop();
    const { position } = await answer;
    await network.net.settled();
    expect(await readRequest(network.net.node("omega").services.ledger, submission("left out").request)).toBeDefined();
    expect(position).toBeGreaterThan(0);
  });

  test("P-two-histories: a sequencer put back to an earlier copy of its store stops before it signs anything", async () => {
    const { network } = world;
    const { net } = network;
    const folder = (name: string) => join(net.dir, "operator", name);
    await net.settled();
    await net.stop("operator");
    await cp(folder("ledger"), folder("earlier"), { recursive: true });
    await net.start("operator");
    await submitted("treasury", "after the copy");
    await net.settled();
    const root = await rootOf("omega");
    await net.stop("operator");
    await rename(folder("ledger"), folder("later"));
    await rename(folder("earlier"), folder("ledger"));

    const { services } = await net.start("operator");
    await vi.waitFor(async () => expect((await services.ledger.status()).reachable).toBe(false), waits);
    await expect(submitted("operator", "by the one put back")).rejects.toMatchObject({ code: "ERR_LEDGER_CORRUPT" });
    for (const member of [...PROVIDERS, "ministry", "bureau"]) expect(await rootOf(member)).toBe(root);

    await net.stop("operator");
    await rm(folder("ledger"), { recursive: true });
    await rename(folder("later"), folder("ledger"));
    await net.start("operator");
    await submitted("treasury", "with the right store");
    await net.settled();
  });

  test("P-one-closing-set P-two-histories: two closing sets on two histories, each with its quorum, get no share from anyone", async () => {
    const { network, fronts } = world;
    const run = await asked(network, outputOf("2001"));
    const said = heard(fronts.operator, run);
    /** These see that alpha dropped out; alpha and beta see that it did not. */
    const deceived = ["delta", "gamma", "omega"];
    const colluders = ["ministry", "bureau", "treasury"];
    const contributions = new Map<string, MessageOf<"contribution-2">>();
    const views: MessageOf<"view-2">[] = [];
    const shown = new Map<string, MessageOf<"views-2">[]>();
    const areShown = Promise.withResolvers<void>();
    const cameBack = tells(fronts.operator, run, async (member) => {
      await areShown.promise;
      return shown.get(member)!;
    });
    fronts.operator.lie(async (call, next) => {
      const message: Message | undefined = spokenIn(call, run);
      if (message?.type === "contribution-2") contributions.set(call.from, message);
      if (message?.type === "view-2") views.push(message);
      return await next();
    });

    // The second history begins where the first one closes the set of five.
    let forking: Promise<Fork> | undefined;
    const stop = fronts.operator.lie(async (call, next): Promise<Answer> => {
      if (!deceived.includes(call.from) || !call.path.startsWith(LEDGER)) return await next();
      if (forking !== undefined) return await (await forking).answer(call);
      const answer = await next();
      if (!isBatches(call) || answer.status !== 200) return answer;
      const { batches } = contentOf<{ batches: readonly LogBatch[] }>(answer);
      const closing = batches.find(({ entries }) =>
        entries.some(
          (e) => computationOf(e) === run.computation && e.transaction.statement.type === "computation.close",
        ),
      );
      if (closing === undefined) return answer;
      const node = (member: string) => network.net.node(member);
      forking ??= forkedAt(closing.from, {
        sequencer: node("operator"),
        colluders: colluders.map(node),
        speakers: [...colluders, ...deceived],
      });
      return await (await forking).answer(call);
    });
    await opened(network, run);
    await vi.waitFor(() => expect(forking).toBeDefined(), waits);
    fork = await forking!;

    const opening = (await readComputationOpened(network.net.node("delta").services.ledger, run.computation))!;
    network.clock.moveTo(Date.parse(opening.body.deadlines.contribution2));
    const headers = PROVIDERS.filter((member) => member !== "alpha").map((member) => contributions.get(member)!.header);
    const close = { computation: run.computation, phase: 2 as const, root: statementsRoot(headers), headers };
    await record({ ...partyOf(network, "operator"), ledger: fork.ledger }, "computation.close", close, "second face");

    // Each half has its own acknowledged closing set, and says so, once.
    await vi.waitFor(() => expect(PROVIDERS.every((member) => said.get(member)?.includes("view-2"))).toBe(true), waits);
    const setAt = async (member: string) =>
      (await readComputationStep(network.net.node(member).services.ledger, run.computation, "close-2"))!.members;
    expect([await setAt("beta"), await setAt("delta")]).toEqual([PROVIDERS, PROVIDERS.slice(1)]);
    const digests = new Map(views.map(({ view }) => [view.signer, view.statement.digest]));
    expect(digests.get("alpha")).toBe(digests.get("beta"));
    expect(new Set(deceived.map((member) => digests.get(member))).size).toBe(1);
    expect(digests.get("delta")).not.toBe(digests.get("beta"));
    expect(views).toHaveLength(PROVIDERS.length);

    // C shows everybody every selection of views there is; none has q of one set.
    const all = views.map(({ view }) => view).sort((a, b) => (a.signer < b.signer ? -1 : 1));
    const half = (member: string) => all.filter(({ statement }) => statement.digest === digests.get(member));
    for (const member of PROVIDERS) {
      const selections = [half(member), all, [...half(member), ...half(member)]];
      shown.set(
        member,
        selections.map((list) => ({ type: "views-2", computation: run.computation, views: list })),
      );
    }
    areShown.resolve();
    await vi.waitFor(() => expect(PROVIDERS.filter((member) => !cameBack.has(member))).toEqual([]), waits);
    for (const member of PROVIDERS) expect(said.get(member)).not.toContain("unmask-2");

    // As soon as one of the deceived speaks with the true sequencer, both checkpoints are evidence and it stops.
    stop();
    await fork.close();
    fork = undefined;
    const { ledger } = network.net.node("operator").services;
    await vi.waitFor(async () => expect((await ledger.status()).reachable).toBe(false), waits);
    await expect(submitted("operator", "after two histories")).rejects.toMatchObject({ code: "ERR_LEDGER_FORK" });
    for (const member of PROVIDERS) expect(said.get(member)).not.toContain("unmask-2");
  });
});
