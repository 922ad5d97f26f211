import { describe, expect, test } from "vitest";
import { negotiationTermination, verificationMessage } from "../../exchange/negotiation/compose.ts";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import { agreeing, BEGIN, createWorld, type Next, PID, SOON, silent } from "./_world.ts";

const DAY_MS = 24 * 60 * 60_000;

/** Two participants under one clock that the test turns, each of which ends what stands still for a day. */
async function created(next: { readonly alpha: Next; readonly beta: Next }, stands = false) {
  let clock = Date.parse("2026-11-22T12:00:00Z");
  const endings = { waitMs: DAY_MS, message: negotiationTermination };
  const world = createWorld(next, [], {
    now: () => new Date(clock).toISOString(),
    endings,
    stands: async ({ side: { document } }) => (stands && document ? { ...document, state: "FINALIZED" } : undefined),
  });
  await world.boot();
  await world.engine("alpha").begin(BEGIN);
  return {
    ...world,
    turn(ms: number) {
      clock += ms;
    },
    /** The clock does not ring by itself. */
    async rung() {
      for (const name of ["alpha", "beta"] as const) {
        const pid = (await world.kept(name))?.pid;
        if (pid !== undefined) world.engine(name).poke(pid);
      }
      return await world.states();
    },
    causes: async () => [
      (await world.kept("alpha"))?.side.document?.termination,
      (await world.kept("beta"))?.side.document?.termination,
    ],
  };
}
/** What a side says only in these states. */
const only =
  (...states: readonly string[]): Next =>
  async (record) =>
    states.includes(record.side.document?.state ?? "") ? await agreeing(record) : undefined;

describe("a negotiation that stands still", () => {
  test.each([
    ["REQUESTED", { alpha: silent, beta: silent }],
    ["AGREED", { alpha: silent, beta: agreeing }],
    ["VERIFIED", { alpha: agreeing, beta: only("REQUESTED") }],
  ] as const)("in state %s ends after the wait, with one cause on both sides", async (state, next) => {
    const world = await created(next);
    await expect.poll(world.rung, SOON).toEqual([state, state]);
    world.turn(DAY_MS - 1);
    expect(await world.rung()).toEqual([state, state]);
    world.turn(1);
    await expect.poll(world.rung, SOON).toEqual(["TERMINATED", "TERMINATED"]);
    const [ours, theirs] = await world.causes();
    expect(ours).toEqual(theirs);
    expect(ours).toMatchObject({ code: "deadline-passed", reason: [expect.stringContaining(state)] });
    await world.stop();
  });

  test("ends after a start too: the time lies on disk", async () => {
    const world = await created({ alpha: silent, beta: silent });
    await expect.poll(world.states, SOON).toEqual(["REQUESTED", "REQUESTED"]);
    world.turn(DAY_MS);
    await world.die("alpha");
    await expect.poll(world.states, SOON).toEqual(["TERMINATED", "TERMINATED"]);
    expect((await world.causes())[1]).toMatchObject({ code: "deadline-passed" });
    await world.stop();
  });

  test("is closed as agreed on, by each side for itself, where the ledger has its agreement", async () => {
    const world = await created({ alpha: agreeing, beta: only("REQUESTED") }, true);
    await expect.poll(world.states, SOON).toEqual(["VERIFIED", "VERIFIED"]);
    world.turn(DAY_MS - 1);
    expect(await world.rung()).toEqual(["VERIFIED", "VERIFIED"]);
    world.turn(1);
    await expect.poll(world.rung, SOON).toEqual(["VERIFIED", "FINALIZED"]);
    world.turn(DAY_MS);
    await expect.poll(world.rung, SOON).toEqual(["FINALIZED", "FINALIZED"]);
    expect(world.posted.filter((one) => one.includes("Termination") || one.includes("Event"))).toEqual([]);
    await world.stop();
  });

  test("whose next word cannot be found ends as well", async () => {
    const lost: Next = async () => {
      throw new Error("the disk does not answer");
    };
    const world = await created({ alpha: silent, beta: lost });
    await expect.poll(world.states, SOON).toEqual(["REQUESTED", "REQUESTED"]);
    world.turn(DAY_MS);
    await expect.poll(world.rung, SOON).toEqual(["TERMINATED", "TERMINATED"]);
    await world.stop();
  });
});

test("a side that may not end it leaves that to the other one as long again, then it is over for itself and says why", async () => {
  // This provider neither speaks nor ends anything: another connector.
  let clock = Date.parse("2026-11-22T12:00:00Z");
  const now = () => new Date(clock).toISOString();
  const mute = createWorld({ alpha: agreeing, beta: only("REQUESTED") }, [], { now });
  await mute.boot();
  await mute.engine("alpha").begin(BEGIN);
  await expect.poll(mute.states, SOON).toEqual(["VERIFIED", "VERIFIED"]);
  await mute.stop();
  const kept = await mute.kept("alpha");

  const world = createWorld({ alpha: agreeing, beta: silent }, [], {
    now,
    endings: { waitMs: DAY_MS, message: negotiationTermination },
  });
  await world.stores.alpha.records.put(PID, kept!);
  await world.stores.alpha.open.put(PID, true);
  await world.boot();
  const alpha = world.engine("alpha");
  const state = async () => {
    alpha.poke(PID);
    return (await world.kept("alpha"))?.side.document?.state;
  };
  clock += DAY_MS;
  for (let round = 0; round < 5; round++) expect(await state()).toBe("VERIFIED");
  clock += DAY_MS;
  await expect.poll(state, SOON).toBe("TERMINATED");
  expect(world.posted).toEqual([]);
  const document = (await world.kept("alpha"))!.side.document!;
  expect(await alpha.show("beta", PID)).toMatchObject({ state: "TERMINATED" });
  const final = verificationMessage(document);
  await expect(alpha.take("beta", PID, final, final["@type"])).rejects.toMatchObject({
    said: { code: "transition-not-allowed", reasons: [expect.anything(), "ended by its consumer: deadline-passed"] },
  });
  await world.stop();
});

describe("a message that the other side refuses for good", () => {
  const mayTake = (refusedType: string) => async (_record: unknown, message: { readonly "@type": string }) =>
    message["@type"] === refusedType ? { code: "agreement-not-on-ledger", detail: "nothing there" } : undefined;

  test("is sent once, and ends the negotiation on both sides with what it was refused with", async () => {
    const world = createWorld({ alpha: agreeing, beta: agreeing }, [], {
      endings: { waitMs: DAY_MS, message: negotiationTermination },
      mayTake: mayTake("ContractNegotiationEventMessage"),
    });
    await world.boot();
    await world.engine("alpha").begin(BEGIN);
    await expect.poll(world.states, SOON).toEqual(["TERMINATED", "TERMINATED"]);
    const cause = causeOf("peer-refused", "ContractNegotiationEventMessage: agreement-not-on-ledger", "nothing there");
    for (const name of ["alpha", "beta"] as const) {
      expect((await world.kept(name))?.side.document?.termination).toEqual({ by: "provider", ...cause });
    }
    expect(world.posted.filter((one) => one.includes("Event"))).toHaveLength(1);
    await world.stop();
  });

  test("and that ends a process without a deadline ends it for the side that said so, with its cause", async () => {
    const revoked = causeOf("agreement-revoked", "the ledger says so");
    const ending: Next = async ({ side: { document } }) => document && negotiationTermination(document, revoked);
    const world = createWorld({ alpha: silent, beta: ending }, [], {
      endsIfRefused: () => true,
      mayTake: mayTake("ContractNegotiationTerminationMessage"),
    });
    await world.boot();
    await world.engine("alpha").begin(BEGIN);
    await expect.poll(async () => (await world.kept("beta"))?.side.document?.state, SOON).toBe("TERMINATED");
    expect((await world.kept("beta"))?.side.document?.termination).toEqual({ by: "provider", ...revoked });
    await world.stop();
  });

  test("does not undo what the ledger has", async () => {
    const world = createWorld({ alpha: agreeing, beta: agreeing }, [], {
      endings: { waitMs: DAY_MS, message: negotiationTermination },
      mayTake: mayTake("ContractNegotiationEventMessage"),
      stands: async ({ side: { document } }) => document && { ...document, state: "FINALIZED" },
    });
    await world.boot();
    await world.engine("alpha").begin(BEGIN);
    const refusal = async () => (await world.kept("beta"))?.refusal?.code;
    await expect.poll(refusal, SOON).toBe("agreement-not-on-ledger");
    const pid = (await world.kept("beta"))!.pid;
    for (let round = 0; round < 5; round++) world.engine("beta").poke(pid);
    expect(await world.states()).toEqual(["VERIFIED", "VERIFIED"]);
    expect(world.posted.filter((one) => one.includes("Event"))).toHaveLength(1);
    await world.stop();
  });

  test("counts as said after the wait, where the ledger has it: the process is over and counts no more", async () => {
    let clock = Date.parse("2026-11-22T12:00:00Z");
    const world = createWorld({ alpha: agreeing, beta: agreeing }, [], {
      now: () => new Date(clock).toISOString(),
      endings: { waitMs: DAY_MS, message: negotiationTermination },
      mayTake: mayTake("ContractNegotiationEventMessage"),
      stands: async ({ side: { document } }) => document && { ...document, state: "FINALIZED" },
    });
    await world.boot();
    await world.engine("alpha").begin(BEGIN);
    await expect.poll(async () => (await world.kept("beta"))?.refusal?.code, SOON).toBe("agreement-not-on-ledger");
    clock += DAY_MS;
    const { pid } = (await world.kept("beta"))!;
    const state = async () => {
      world.engine("beta").poke(pid);
      return (await world.states())[1];
    };
    await expect.poll(state, SOON).toBe("FINALIZED");
    const open: string[] = [];
    for await (const [one] of world.stores.beta.open.entries()) open.push(one);
    expect(open).toEqual([]);
    expect((await world.kept("beta"))?.refusal?.code).toBe("agreement-not-on-ledger");
    await world.stop();
  });

  test("because it is over there ends it here too, without another word", async () => {
    const world = createWorld({ alpha: agreeing, beta: agreeing }, [], {
      endings: { waitMs: DAY_MS, message: negotiationTermination },
      ask: async () => ({
        ...negotiationProtocol.answer((await world.kept("alpha"))!.side.document!),
        state: "TERMINATED",
      }),
      mayTake: mayTake("ContractNegotiationEventMessage"),
    });
    await world.boot();
    await world.engine("alpha").begin(BEGIN);
    await expect.poll(async () => (await world.states())[1], SOON).toBe("TERMINATED");
    expect((await world.kept("beta"))?.side.document?.termination).toMatchObject({
      by: "provider",
      code: "peer-refused",
    });
    expect(world.posted.filter((one) => one.includes("Termination"))).toEqual([]);
    await world.stop();
  });

  test("because it is over there does not undo what the ledger has, and is not said again", async () => {
    const world = createWorld({ alpha: agreeing, beta: agreeing }, [], {
      endings: { waitMs: DAY_MS, message: negotiationTermination },
      ask: async () => ({
        ...negotiationProtocol.answer((await world.kept("alpha"))!.side.document!),
        state: "TERMINATED",
      }),
      mayTake: mayTake("ContractNegotiationEventMessage"),
      stands: async ({ side: { document } }) => document && { ...document, state: "FINALIZED" },
    });
    await world.boot();
    await world.engine("alpha").begin(BEGIN);
    await expect.poll(async () => (await world.states())[1], SOON).toBe("FINALIZED");
    await world.stop();
  });

  test("where it is the end itself, ends it for the side that wanted that, with its own cause", async () => {
    const cause = causeOf("request-cancelled", "enough");
    const ending: Next = async ({ side: { document } }) =>
      document?.state === "REQUESTED" ? negotiationTermination(document, cause) : undefined;
    const world = createWorld({ alpha: silent, beta: ending }, [], {
      endings: { waitMs: DAY_MS, message: negotiationTermination },
      mayTake: mayTake("ContractNegotiationTerminationMessage"),
    });
    await world.boot();
    await world.engine("alpha").begin(BEGIN);
    await expect.poll(async () => (await world.states())[1], SOON).toBe("TERMINATED");
    const { side, refusal } = (await world.kept("beta"))!;
    expect(side.document?.termination).toEqual({ by: "provider", ...cause });
    expect(refusal).toMatchObject({ code: "agreement-not-on-ledger" });
    await world.stop();
  });
});
