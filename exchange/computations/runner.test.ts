import { expect, test } from "vitest";
import { SecaggError } from "../../crypto/secagg/errors.ts";
import type { Send } from "../../crypto/secagg/step.ts";
import { createRunner, type Role } from "./runner.ts";

type Effect = { readonly kind: "history" | "erase" };
const message = { to: "operator", message: { type: "keys" } } as unknown as Send;

function recording(overrides: Partial<Role<number, string, Effect>> = {}) {
  const log: string[] = [];
  const role: Role<number, string, Effect> = {
    step: (state) => ({ state: state + 1, send: [message], effects: [{ kind: "erase" }, { kind: "history" }] }),
    isFirst: ({ kind }) => kind === "history",
    save: async (state) => {
      await Promise.resolve();
      log.push(`save ${state}`);
    },
    send: () => {
      log.push("send");
    },
    perform: async ({ kind }) => {
      log.push(kind);
    },
    ...overrides,
  };
  return { log, runner: createRunner(0, role, () => 0) };
}

test("history is written first, then the state, and only then anything leaves", async () => {
  const { log, runner } = recording();
  await runner.feed("input");
  expect(log).toEqual(["history", "save 1", "send", "erase"]);
});

test("inputs that come together are taken in order and saved once, before any of their messages leaves", async () => {
  const inputs: string[] = [];
  const { log, runner } = recording({
    step: (state, input) => {
      inputs.push(input);
      return { state: state + 1, send: [message], effects: [{ kind: "history" }] };
    },
  });
  await Promise.all([runner.feed("a"), runner.feed("b"), runner.feed("c")]);
  expect(inputs).toEqual(["a", "b", "c"]);
  expect(log).toEqual(["history", "history", "history", "save 3", "send", "send", "send"]);
});

test("what comes while a state is being saved is saved next", async () => {
  const saved: number[] = [];
  const { runner } = recording({
    save: async (state) => {
      if (state === 1) void runner.feed("later");
      await Promise.resolve();
      saved.push(state);
    },
  });
  await runner.feed("first");
  await runner.feed("last");
  expect(saved).toEqual([1, 3]);
});

test("of inputs that come together only the refused one is dropped", async () => {
  const { log, runner } = recording({
    step: (state, input) => {
      if (input === "hostile") throw new SecaggError("ERR_SECAGG_MESSAGE", "hostile");
      return { state: state + 1, send: [message], effects: [] };
    },
  });
  const [, hostile] = await Promise.allSettled(["a", "hostile", "b"].map((input) => runner.feed(input)));
  expect(hostile).toMatchObject({ status: "rejected", reason: { code: "ERR_SECAGG_MESSAGE" } });
  expect(log).toEqual(["save 2", "send", "send"]);
});

test("a step that may be lost is saved with the next one that may not", async () => {
  const { log, runner } = recording({
    step: (state, input) => ({ state: state + 1, send: input === "waits" ? [] : [message], effects: [] }),
    mayBeLost: (input) => input === "waits",
  });
  await runner.feed("waits");
  expect(log).toEqual([]);
  await runner.feed("answers");
  expect(log).toEqual(["save 2", "send"]);
});

test("what may be lost is saved when it is asked for, once, and what comes meanwhile waits for it", async () => {
  const { promise: saving, resolve: saves } = Promise.withResolvers<void>();
  const { promise: disk, resolve: answer } = Promise.withResolvers<void>();
  const { log, runner } = recording({
    save: async (state) => {
      saves();
      await disk;
      log.push(`save ${state}`);
    },
    step: (state, input) => ({ state: state + 1, send: input === "waits" ? [] : [message], effects: [] }),
    mayBeLost: (input) => input === "waits",
  });
  await runner.keep();
  await runner.feed("waits");
  const keeping = runner.keep();
  await saving;
  const answering = runner.feed("answers");
  answer();
  await Promise.all([keeping, answering]);
  expect(log).toEqual(["save 1", "save 2", "send"]);
  await runner.keep();
  expect(log).toHaveLength(3);
});

test("a disk that is full when it is asked for stops nothing that comes later", async () => {
  let isFull = true;
  const { log, runner } = recording({
    save: async (state) => {
      if (isFull) throw new Error("disk full");
      log.push(`save ${state}`);
    },
    step: (state, input) => ({ state: state + 1, send: input === "waits" ? [] : [message], effects: [] }),
    mayBeLost: (input) => input === "waits",
  });
  await runner.feed("waits");
  await expect(runner.keep()).rejects.toThrow("disk full");
  isFull = false;
  await runner.feed("answers");
  expect(log).toEqual(["save 2", "send"]);
});

test("a step that changes nothing and sends is saved too, where the state it rests on was not", async () => {
  const { log, runner } = recording({
    step: (state, input) => ({
      state: input === "waits" ? state + 1 : state,
      send: input === "waits" ? [] : [message],
      effects: [],
    }),
    mayBeLost: (input) => input === "waits",
  });
  await runner.feed("repeats");
  expect(log).toEqual(["send"]);
  await runner.feed("waits");
  await runner.feed("repeats");
  expect(log).toEqual(["send", "save 1", "send"]);
  await Promise.all([runner.feed("waits"), runner.feed("repeats")]);
  await runner.feed("repeats");
  expect(log.slice(3)).toEqual(["save 2", "send", "send"]);
});

test("all inputs of a state that could not be saved are taken again on the state before", async () => {
  let isFull = true;
  const { log, runner } = recording({
    save: async (state) => {
      if (isFull) throw new Error("disk full");
      log.push(`save ${state}`);
    },
    step: (state) => ({ state: state + 1, send: [message], effects: [] }),
  });
  const failed = await Promise.allSettled([runner.feed("a"), runner.feed("b")]);
  expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  isFull = false;
  await runner.feed("a");
  expect(log).toEqual(["save 1", "send"]);
});

test("nothing leaves when the state could not be saved", async () => {
  const { log, runner } = recording({ save: () => Promise.reject(new Error("disk full")) });
  await expect(runner.feed("input")).rejects.toThrow("disk full");
  expect(log).toEqual(["history"]);
});

test("a refused input changes nothing, and the next one is taken", async () => {
  let refuse = true;
  const { log, runner } = recording({
    step: (state) => {
      if (refuse) throw new SecaggError("ERR_SECAGG_MESSAGE", "hostile");
      return { state: state + 1, send: [], effects: [] };
    },
  });
  await expect(runner.feed("hostile")).rejects.toThrow(SecaggError);
  refuse = false;
  await runner.feed("sound");
  expect(log).toEqual(["save 1"]);
});

test("a stopped runner takes nothing more", async () => {
  const { log, runner } = recording();
  await runner.stop();
  await runner.feed("late");
  expect(log).toEqual([]);
});
