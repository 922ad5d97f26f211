import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  agreementMessage,
  eventMessage,
  firstRequest,
  negotiationTermination,
  verificationMessage,
} from "../../exchange/negotiation/compose.ts";
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import type { RecordStore } from "../store/records.ts";
import { deliveryOf } from "./client.ts";
import { DataspaceError } from "./dataspace-error.ts";
import type { Delivery, ProcessRecord } from "./process-record.ts";
import { createProcesses, MOST_OPEN, PATIENCE, type Processes } from "./processes.ts";

type Record = ProcessRecord<Negotiation, NegotiationMessage>;
type Next = (record: Record) => Promise<NegotiationMessage | undefined>;
type Name = "alpha" | "beta";

const OFFER = { "@id": "offer-1", "@type": "Offer" as const, target: "beta:panel", permission: [{ action: "use" }] };
const PID = "0a0d6a5c-9f0e-4f0e-8d3c-6a2a0f0c0001";
const BEGIN = {
  pid: PID,
  peer: "beta",
  address: "https://beta.example/dsp/",
  message: firstRequest(PID, OFFER, "https://alpha.example/dsp"),
};

/** What a consumer and a provider that want to agree say in each state. */
const agreeing: Next = async ({ side: { document, role }, pid, peer }) => {
  if (document?.state === "REQUESTED" && role === "provider") {
    const agreement = { "@id": `urn:uuid:${pid}`, "@type": "Agreement" as const, target: OFFER.target };
    const parties = { assigner: "beta", assignee: peer, timestamp: "2026-11-22T12:00:00Z" };
    return agreementMessage(document, { ...agreement, ...parties, permission: [{ action: "use" }] });
  }
  if (document?.state === "AGREED" && role === "consumer") return verificationMessage(document);
  if (document?.state === "VERIFIED" && role === "provider") return eventMessage(document, "FINALIZED");
  return undefined;
};
const silent: Next = async () => undefined;

interface Life {
  readonly engine: Processes<Negotiation, NegotiationMessage>;
  readonly death: PromiseWithResolvers<void>;
  isAlive: boolean;
}

/** What becomes of a message: it or its answer is lost, or a process dies at the worst moment. */
const FATES = ["arrives", "lost", "answer-lost", "receiver-dies", "receiver-dies-after", "sender-dies"] as const;
type Fate = (typeof FATES)[number];

/** Two participants with a store each; the fates of messages are taken in order, then all arrive. */
function createWorld(next: { readonly [name in Name]: Next }, fates: readonly Fate[] = []) {
  const left = [...fates];
  const stores = {
    alpha: { records: memoryRecords<Record>(), open: memoryRecords<true>() },
    beta: { records: memoryRecords<Record>(), open: memoryRecords<true>() },
  };
  const running: Partial<{ [name in Name]: Life }> = {};
  const errors: unknown[] = [];
  const posted: string[] = [];

  function boot(name: Name) {
    const death = Promise.withResolvers<void>();
    const life = { isAlive: true, death };
    const engine = createProcesses<Negotiation, NegotiationMessage>({
      protocol: negotiationProtocol,
      records: mortal(stores[name].records, () => life.isAlive),
      open: mortal(stores[name].open, () => life.isAlive),
      now: () => new Date().toISOString(),
      post: (peer, url, message) => post(name, peer as Name, url, message),
      ask: async (peer, url) => (await call(name, peer as Name, url, undefined)).answer,
      admits: async () => undefined,
      next: next[name],
      onError: (_pid, error) => errors.push(error),
      patience: { firstPauseMs: 1, longestPauseMs: 4, giveUpMs: 60_000, doubtfulTries: 50 },
    });
    running[name] = Object.assign(life, { engine });
    return engine.start();
  }
  async function die(name: Name) {
    const dead = running[name]!;
    dead.isAlive = false;
    dead.death.resolve();
    void dead.engine.stop();
    await boot(name);
  }

  async function call(from: Name, to: Name, url: string, message: NegotiationMessage | undefined) {
    const [collection, pid = "", ...rest] = new URL(url).pathname.replace("/dsp/", "").split("/");
    expect(collection).toBe("negotiations");
    const { engine } = running[to]!;
    const first = { request: "ContractRequestMessage", offers: "ContractOfferMessage" }[pid];
    try {
      const document =
        message === undefined
          ? await engine.show(from, pid)
          : first !== undefined && rest.length === 0
            ? await engine.takeFirst(from, message, first)
            : await engine.take(from, pid, message, message["@type"]);
      return { answer: negotiationProtocol.answer(document) };
    } catch (error) {
      if (!(error instanceof DataspaceError)) throw error;
      return { error };
    }
  }

  async function post(from: Name, to: Name, url: string, message: NegotiationMessage): Promise<Delivery> {
    posted.push(`${from} ${message["@type"]}`);
    const lost: Delivery = { kind: "passing", code: "lost", doubtful: false };
    const fate = left.shift() ?? "arrives";
    if (fate === "lost") return lost;
    if (fate === "receiver-dies") {
      await die(to);
      return lost;
    }
    if (fate === "sender-dies") await die(from);
    // A connection to a process that dies breaks.
    const broken = running[to]!.death.promise.then(() => undefined);
    const answered = await Promise.race([call(from, to, url, message), broken]);
    if (answered === undefined) return lost;
    const { answer, error } = answered;
    if (fate === "receiver-dies-after") await die(to);
    if (fate === "answer-lost" || fate === "receiver-dies-after") return lost;
    if (error === undefined) return { kind: "taken", answer };
    if (error.code === "ERR_DATASPACE_CROSSED") return { kind: "passing", code: "crossed", doubtful: true };
    return { kind: "refused", code: error.said.code, reasons: error.said.reasons };
  }

  const kept = async (name: Name): Promise<Record | undefined> => {
    for await (const [, record] of stores[name].records.entries()) return record;
    return undefined;
  };
  return {
    boot: () => Promise.all([boot("alpha"), boot("beta")]),
    engine: (name: Name) => running[name]!.engine,
    kept,
    states: async () => [(await kept("alpha"))?.side.document?.state, (await kept("beta"))?.side.document?.state],
    stop: () => Promise.all(Object.values(running).map(({ engine }) => engine.stop())),
    die,
    errors,
    posted,
  };
}

/** What a process that has died writes never arrives, and it never hears of it. */
function mortal<V>(store: RecordStore<V>, isAlive: () => boolean): RecordStore<V> {
  const never = new Promise<never>(() => undefined);
  return {
    ...store,
    get: async (id) => (isAlive() ? structuredClone(await store.get(id)) : await never),
    put: (id, value) => (isAlive() ? store.put(id, structuredClone(value)) : never),
    delete: (id) => (isAlive() ? store.delete(id) : never),
  };
}

const SOON = { timeout: 20_000, interval: 2 };

describe("a negotiation between two participants", () => {
  test("is finalized whatever is lost, repeated or dies on the way", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...FATES), { maxLength: 14 }), async (fates) => {
        const world = createWorld({ alpha: agreeing, beta: agreeing }, fates);
        await world.boot();
        await world.engine("alpha").begin(BEGIN);
        await expect.poll(world.states, SOON).toEqual(["FINALIZED", "FINALIZED"]);
        const [ours, theirs] = [await world.kept("alpha"), await world.kept("beta")];
        expect(ours?.side.document).toEqual(theirs?.side.document);
        expect(world.errors).toEqual([]);
        await world.stop();
      }),
      { numRuns: 60 },
    );
  });

  test("takes four messages and no more", async () => {
    const world = createWorld({ alpha: agreeing, beta: agreeing });
    await world.boot();
    await world.engine("alpha").begin(BEGIN);
    await world.engine("alpha").begin(BEGIN);
    await expect.poll(world.states, SOON).toEqual(["FINALIZED", "FINALIZED"]);
    expect(world.posted).toEqual([
      "alpha ContractRequestMessage",
      "beta ContractAgreementMessage",
      "alpha ContractAgreementVerificationMessage",
      "beta ContractNegotiationEventMessage",
    ]);
    await world.stop();
  });

  test("goes on after a start where it stood", async () => {
    let permits = false;
    const world = createWorld({ alpha: agreeing, beta: async (record) => (permits ? agreeing(record) : undefined) });
    await world.boot();
    await world.engine("alpha").begin(BEGIN);
    await expect.poll(world.states, SOON).toEqual(["REQUESTED", "REQUESTED"]);
    permits = true;
    await world.die("beta");
    await expect.poll(world.states, SOON).toEqual(["FINALIZED", "FINALIZED"]);
    await world.stop();
  });

  test("ends on both sides with the cause that one of them gave", async () => {
    const cause = causeOf("purpose-not-allowed", "statistics only");
    const world = createWorld({
      alpha: agreeing,
      beta: async ({ side: { document } }) =>
        document?.state === "REQUESTED" ? negotiationTermination(document, cause) : undefined,
    });
    await world.boot();
    await world.engine("alpha").begin(BEGIN);
    await expect.poll(world.states, SOON).toEqual(["TERMINATED", "TERMINATED"]);
    for (const name of ["alpha", "beta"] as const) {
      expect((await world.kept(name))?.side.document?.termination).toEqual({ by: "provider", ...cause });
    }
    await world.stop();
  });
});

describe("a first message", () => {
  const begun = async () => {
    const world = createWorld({ alpha: silent, beta: silent });
    await world.boot();
    const take = (from: string, message: object) =>
      world.engine("beta").takeFirst(from, message, "ContractRequestMessage");
    return { world, take };
  };
  test("that comes again finds the process that it began", async () => {
    const { world, take } = await begun();
    const first = await take("alpha", BEGIN.message);
    await world.die("beta");
    expect(await take("alpha", BEGIN.message)).toEqual(first);
    await world.stop();
  });
  test("under an id that is taken is refused, and another participant's is another process", async () => {
    const { world, take } = await begun();
    const first = await take("alpha", BEGIN.message);
    const other = { ...BEGIN.message, offer: { ...OFFER, "@id": "offer-2" } };
    await expect(take("alpha", other)).rejects.toMatchObject({ said: { code: "pid-taken" } });
    expect((await take("gamma", other)).providerPid).not.toBe(first.providerPid);
    await world.stop();
  });
});

test("a participant has so many processes open at once, also after a start, and others theirs", async () => {
  const world = createWorld({ alpha: silent, beta: silent });
  await world.boot();
  const take = (from: string, pid: number) =>
    world.engine("beta").takeFirst(from, { ...BEGIN.message, consumerPid: `pid-${pid}` }, "ContractRequestMessage");
  for (let pid = 0; pid < MOST_OPEN; pid += 1) await take("alpha", pid);
  const busy = { code: "ERR_DATASPACE_BUSY", said: { code: "too-many-open" } };
  await expect(take("alpha", MOST_OPEN)).rejects.toMatchObject(busy);
  await world.die("beta");
  await expect(take("alpha", MOST_OPEN)).rejects.toMatchObject(busy);
  expect((await take("alpha", 0)).state).toBe("REQUESTED");
  expect((await take("gamma", 0)).state).toBe("REQUESTED");
  await world.stop();
});

test("a stranger is told nothing, not even that its message is malformed", async () => {
  const world = createWorld({ alpha: silent, beta: silent });
  await world.boot();
  const { providerPid } = await world.engine("beta").takeFirst("alpha", BEGIN.message, "ContractRequestMessage");
  const unknown = { code: "ERR_DATASPACE_UNKNOWN", pids: undefined };
  const verification = "ContractAgreementVerificationMessage";
  await expect(world.engine("beta").take("gamma", providerPid, {}, verification)).rejects.toMatchObject(unknown);
  await expect(world.engine("beta").take("alpha", "other", {}, verification)).rejects.toMatchObject(unknown);
  await expect(world.engine("beta").show("gamma", providerPid)).rejects.toMatchObject(unknown);
  await world.stop();
});

test("a message that was taken although its answer was lost counts, where the other side refuses repetitions", async () => {
  const records = memoryRecords<Record>();
  const calls: string[] = [];
  const theirs = { ...negotiationProtocol.answer(AT_BETA), state: "VERIFIED" };
  const alpha = createProcesses<Negotiation, NegotiationMessage>({
    protocol: negotiationProtocol,
    records,
    open: memoryRecords<true>(),
    now: () => new Date().toISOString(),
    async post(_peer, _url, message) {
      calls.push(message["@type"]);
      if (message["@type"] === "ContractRequestMessage")
        return { kind: "taken", answer: negotiationProtocol.answer(AT_BETA) };
      return calls.length === 2
        ? { kind: "passing", code: "ECONNRESET", doubtful: false }
        : { kind: "refused", code: "illegal-state", reasons: [] };
    },
    ask: async (_peer, url) => {
      calls.push(url);
      return theirs;
    },
    admits: async () => undefined,
    next: agreeing,
    onError: () => undefined,
    patience: { firstPauseMs: 1, longestPauseMs: 1, giveUpMs: 60_000, doubtfulTries: 5 },
  });
  const state = async () => (await records.get(PID))?.side.document?.state;
  await alpha.begin(BEGIN);
  await expect.poll(state, SOON).toBe("REQUESTED");
  const document = (await records.get(PID))?.side.document;
  await alpha.take("beta", PID, AGREEMENT(document!), "ContractAgreementMessage");
  await expect.poll(state, SOON).toBe("VERIFIED");
  expect(calls.at(-1)).toBe("https://beta.example/dsp/negotiations/pid-of-beta");
  await alpha.stop();
});

const AT_BETA = { providerPid: "pid-of-beta", consumerPid: PID, state: "REQUESTED" } as Negotiation;
const AGREEMENT = (document: Negotiation) =>
  agreementMessage(document, {
    "@id": "urn:uuid:agreement",
    "@type": "Agreement",
    target: OFFER.target,
    assigner: "beta",
    assignee: "alpha",
    timestamp: "2026-11-22T12:00:00Z",
    permission: [{ action: "use" }],
  });

test("whoever cannot be reached for a day ends the process with that cause", async () => {
  let clock = Date.parse("2026-11-22T12:00:00Z");
  const records = memoryRecords<Record>();
  const alpha = createProcesses<Negotiation, NegotiationMessage>({
    protocol: negotiationProtocol,
    records,
    open: memoryRecords<true>(),
    now: () => new Date(clock).toISOString(),
    async post(_peer, _url, message) {
      if (message["@type"] === "ContractRequestMessage")
        return { kind: "taken", answer: negotiationProtocol.answer(AT_BETA) };
      // Every try takes hours by this clock.
      clock += 5 * 60 * 60_000;
      return { kind: "passing", code: "ECONNREFUSED", doubtful: false };
    },
    ask: async () => undefined,
    admits: async () => undefined,
    next: agreeing,
    onError: () => undefined,
    patience: { firstPauseMs: 1, longestPauseMs: 1, giveUpMs: 24 * 60 * 60_000, doubtfulTries: 5 },
  });
  const document = async () => (await records.get(PID))?.side.document;
  await alpha.begin(BEGIN);
  await expect.poll(async () => (await document())?.state, SOON).toBe("REQUESTED");
  await alpha.take("beta", PID, AGREEMENT((await document())!), "ContractAgreementMessage");
  // The clock stands still between tries, so the pauses are rung by hand.
  const rung = async () => {
    clock += 1_000;
    alpha.poke(PID);
    return (await document())?.termination;
  };
  await expect.poll(rung, SOON).toEqual({ by: "consumer", code: "peer-unreachable", reason: ["ECONNREFUSED"] });
  await alpha.stop();
});

test.each([404, 409, 507])(
  "a member that answers %i for a while is asked until it answers otherwise",
  async (status) => {
    const records = memoryRecords<Record>();
    let tries = 0;
    const alpha = createProcesses<Negotiation, NegotiationMessage>({
      protocol: negotiationProtocol,
      records,
      open: memoryRecords<true>(),
      now: () => new Date().toISOString(),
      async post() {
        tries += 1;
        return tries <= 20
          ? deliveryOf({ status, body: {} })
          : deliveryOf({ status: 201, body: negotiationProtocol.answer(AT_BETA) });
      },
      ask: async () => undefined,
      admits: async () => undefined,
      next: silent,
      onError: () => undefined,
      patience: { ...PATIENCE, firstPauseMs: 1, longestPauseMs: 1 },
    });
    await alpha.begin(BEGIN);
    await expect.poll(async () => (await records.get(PID))?.side.document?.state, SOON).toBe("REQUESTED");
    await alpha.stop();
  },
);

test("what stands on the ledger is said until it is heard, however long that takes", async () => {
  let clock = Date.parse("2026-11-22T12:00:00Z");
  const records = memoryRecords<Record>();
  let finals = 0;
  const beta = createProcesses<Negotiation, NegotiationMessage>({
    protocol: negotiationProtocol,
    records,
    open: memoryRecords<true>(),
    now: () => new Date(clock).toISOString(),
    async post(_peer, _url, message) {
      if (message["@type"] === "ContractNegotiationEventMessage") {
        finals += 1;
        clock += 10 * 60 * 60_000;
        if (finals < 6) return { kind: "passing", code: "ECONNRESET", doubtful: false };
      }
      return { kind: "taken", answer: {} };
    },
    ask: async () => undefined,
    admits: async () => undefined,
    next: agreeing,
    stands: async ({ side }) => side.document?.state === "VERIFIED",
    onError: () => undefined,
    patience: { ...PATIENCE, firstPauseMs: 1, longestPauseMs: 1 },
  });
  const { providerPid: pid } = await beta.takeFirst("alpha", BEGIN.message, "ContractRequestMessage");
  const document = async () => (await records.get(pid))?.side.document;
  await expect.poll(async () => (await document())?.state, SOON).toBe("AGREED");
  await beta.take("alpha", pid, verificationMessage((await document())!), "ContractAgreementVerificationMessage");
  const rung = async () => {
    clock += 3_600_000;
    beta.poke(pid);
    return (await document())?.state;
  };
  await expect.poll(rung, SOON).toBe("FINALIZED");
  await beta.stop();
});
