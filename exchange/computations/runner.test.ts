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

test("inputs are taken one at a time, in order", async () => {
  const { log, runner } = recording();
  await Promise.all([runner.feed("a"), runner.feed("b")]);
  expect(log.filter((entry) => entry.startsWith("save"))).toEqual(["save 1", "save 2"]);
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
