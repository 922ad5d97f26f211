import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  agreementMessage,
  eventMessage,
  negotiationTermination,
  offerMessage,
  verificationMessage,
} from "../../exchange/negotiation/compose.ts";
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import { agreeing, BEGIN, createWorld, FATES, type Next, OFFER, PID, type Record, SOON, silent } from "./_world.ts";
import { PATIENCE } from "./after-try.ts";
import { deliveryOf } from "./client.ts";
import type { DataspaceError } from "./dataspace-error.ts";
import { MOST_OPEN } from "./open-processes.ts";
import { createProcesses } from "./processes.ts";

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

test("ends that cross each other and other messages leave both sides in one final state, whatever is lost or dies", async () => {
  const ENDS = {
    consumer: ["REQUESTED", "OFFERED", "AGREED"],
    provider: ["REQUESTED", "ACCEPTED", "VERIFIED"],
  } as const;
  const ending =
    (states: readonly string[]): Next =>
    async (record) => {
      const { document, role } = record.side;
      if (document === undefined) return undefined;
      if (states.includes(document.state)) return negotiationTermination(document, causeOf(`of-the-${role}`));
      if (role === "provider" && document.state === "REQUESTED" && document.offer["@id"] === OFFER["@id"]) {
        return offerMessage(document, { ...OFFER, "@id": "offer-of-the-provider" });
      }
      if (role === "consumer" && document.state === "OFFERED") return eventMessage(document, "ACCEPTED");
      if (role === "provider" && document.state === "ACCEPTED") {
        return await agreeing({ ...record, side: { ...record.side, document: { ...document, state: "REQUESTED" } } });
      }
      return await agreeing(record);
    };
  await fc.assert(
    fc.asyncProperty(
      fc.subarray([...ENDS.consumer]),
      fc.subarray([...ENDS.provider]),
      fc.array(fc.constantFrom(...FATES), { maxLength: 10 }),
      async (ours, theirs, fates) => {
        const world = createWorld({ alpha: ending(ours), beta: ending(theirs) }, fates);
        await world.boot();
        await world.engine("alpha").begin(BEGIN);
        const isOver = ([a, b]: readonly unknown[]) => a === b && ["FINALIZED", "TERMINATED"].includes(String(a));
        await expect.poll(world.states, SOON).toSatisfy(isOver);
        // Whose turn it is says its word for certain; in REQUESTED the provider's may come before the consumer's.
        const isSure = theirs.length > 0 || ours.some((state) => state !== "REQUESTED");
        const isSaid = world.posted.some((one) => one.endsWith("ContractNegotiationTerminationMessage"));
        const end = isSure || isSaid ? "TERMINATED" : "FINALIZED";
        expect(await world.states()).toEqual([end, end]);
        const [mine, other] = [await world.kept("alpha"), await world.kept("beta")];
        expect(mine?.side.document?.termination).toEqual(other?.side.document?.termination);
        expect(world.errors).toEqual([]);
        await world.stop();
      },
    ),
    { numRuns: 60 },
  );
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

test("first messages that come at the same time take one place each, and those that are refused leave theirs", async () => {
  const admitted = Promise.withResolvers<void>();
  const admits = async (_peer: string, message: NegotiationMessage) => {
    await admitted.promise;
    return (message as { consumerPid: string }).consumerPid.startsWith("bad")
      ? { code: "offer-unknown", detail: "no" }
      : undefined;
  };
  const world = createWorld({ alpha: silent, beta: silent }, [], { admits });
  await world.boot();
  const take = (name: string) =>
    world
      .engine("beta")
      .takeFirst("alpha", { ...BEGIN.message, consumerPid: name }, "ContractRequestMessage")
      .then(
        () => "taken",
        (error: DataspaceError) => error.said.code,
      );
  const counted = (all: readonly string[], word: string) => all.filter((one) => one === word).length;
  const asking = Array.from({ length: MOST_OPEN + 20 }, (_, at) => take(at < 5 ? `bad-${at}` : `good-${at}`));
  admitted.resolve();
  const answers = await Promise.all(asking);
  expect([counted(answers, "taken"), counted(answers, "too-many-open")]).toEqual([MOST_OPEN - 5, 20]);
  const later = await Promise.all(Array.from({ length: 10 }, (_, at) => take(`later-${at}`)));
  expect([counted(later, "taken"), counted(later, "too-many-open")]).toEqual([5, 5]);
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

test("an end that cannot be told for a day is kept with the cause that it has, and what it failed for beside it", async () => {
  let clock = Date.parse("2026-11-22T12:00:00Z");
  const cause = causeOf("request-cancelled", "enough");
  const world = createWorld(
    {
      alpha: async ({ side: { document } }) =>
        document?.state === "REQUESTED" ? negotiationTermination(document, cause) : undefined,
      beta: silent,
    },
    ["arrives", ...Array<"lost">(50).fill("lost")],
    { now: () => new Date(clock).toISOString() },
  );
  await world.boot();
  await world.engine("alpha").begin(BEGIN);
  const rung = async () => {
    clock += 60 * 60_000;
    world.engine("alpha").poke(PID);
    return (await world.kept("alpha"))?.side.document?.termination;
  };
  await expect.poll(rung, SOON).toEqual({ by: "consumer", ...cause });
  expect((await world.kept("alpha"))?.refusal).toMatchObject({ code: "lost", isFinal: false });
  await world.stop();
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

const DAY_MS = 24 * 60 * 60_000;
test.each([
  ["said until it is heard", undefined, 6],
  ["said for as long as this side waits, and then it is over for it as the ledger has it", 2 * DAY_MS, 2],
])("what stands on the ledger is %s", async (_name, waitMs, tries) => {
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
        if (waitMs !== undefined || finals < 6) return { kind: "passing", code: "ECONNRESET", doubtful: false };
      }
      return { kind: "taken", answer: {} };
    },
    ask: async () => undefined,
    admits: async () => undefined,
    next: agreeing,
    stands: async ({ side: { document } }) =>
      document?.state === "VERIFIED" ? { ...document, state: "FINALIZED" } : undefined,
    ...(waitMs === undefined ? {} : { endings: { waitMs, message: negotiationTermination } }),
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
  expect(finals).toBeGreaterThanOrEqual(tries);
  const { refusal, delivery } = (await records.get(pid))!;
  expect([refusal?.code, delivery]).toEqual([waitMs === undefined ? undefined : "ECONNRESET", undefined]);
  await beta.stop();
});
