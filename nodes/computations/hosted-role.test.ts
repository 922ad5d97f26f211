import { afterEach, expect, test, vi } from "vitest";
import type { Context } from "./context.ts";
import { hostRole, TICK_MS } from "./hosted-role.ts";

const WAITS = { timeout: 100_000, interval: 5 };

afterEach(() => {
  vi.useRealTimers();
});

/** A role that counts its ticks and is over at the third. */
async function ticking({ erased = Promise.resolve() }: { readonly erased?: Promise<void> } = {}) {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const files = new Map<string, unknown>();
  const records = new Map<string, object>();
  const ctx = {
    services: {
      inflight: {
        get: async (name: string) => files.get(name),
        change: async (name: string, value: unknown) => void files.set(name, value),
        erase: async (name: string) => {
          files.delete(name);
          await erased;
        },
      },
      log: { error: (problem: object) => expect.unreachable(JSON.stringify(problem)), info: () => undefined },
      now: () => "2026-01-01T00:00:00Z",
    },
    stores: {
      roles: {
        get: async (key: string) => records.get(key),
        put: async (key: string, value: object) => void records.set(key, value),
      },
    },
    gauges: { time: () => undefined },
    clock: () => 0,
  } as unknown as Context;
  const { role } = await hostRole<{ ticks: number }, { kind: "tick" }, { kind: "erase" }>(ctx, {
    role: "member",
    computation: "c1",
    start: () => ({ ticks: 0 }),
    step: ({ ticks }) => ({
      state: { ticks: ticks + 1 },
      send: [],
      effects: ticks === 2 ? [{ kind: "erase" }] : [],
    }),
    isFirst: () => false,
    send: () => undefined,
    perform: (_effect, hosted) => hosted.finish(),
  });
  return { role, files, records };
}

test("a role that hears nothing still ticks every few minutes, so that what has expired is erased", async () => {
  const { role, files, records } = await ticking();
  vi.advanceTimersByTime(TICK_MS);
  await vi.waitFor(() => expect(files.get("c1-member")).toEqual({ ticks: 1 }), WAITS);
  vi.advanceTimersByTime(2 * TICK_MS);
  await vi.waitFor(() => expect(role.signal.aborted).toBe(true), WAITS);
  expect(files.size).toBe(0);
  expect(records.get("c1/member")).toMatchObject({ state: "over" });
  expect(vi.getTimerCount()).toBe(0);
});

test("a stopped node ticks no more, and keeps the file for its next start", async () => {
  const { role, files } = await ticking();
  vi.advanceTimersByTime(TICK_MS);
  await vi.waitFor(() => expect(files.get("c1-member")).toEqual({ ticks: 1 }), WAITS);
  await role.stop();
  vi.advanceTimersByTime(10 * TICK_MS);
  expect(files.get("c1-member")).toEqual({ ticks: 1 });
});

test("a step that a stopping node saves no more sends nothing, and is taken anew from the file of the next start", async () => {
  const saved = vi.fn(async () => undefined);
  const sent = vi.fn();
  const keeping = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const ctx = {
    services: { inflight: { get: async () => undefined, change: saved }, log: {}, now: () => "2026-01-01T00:00:00Z" },
    stores: { roles: { get: async () => undefined, put: async () => undefined } },
    gauges: { time: () => undefined },
    clock: () => 0,
  } as unknown as Context;
  const { role } = await hostRole<{ ticks: number }, { kind: "tick" }, { kind: "history" }>(ctx, {
    role: "coordinator",
    computation: "c2",
    start: () => ({ ticks: 0 }),
    step: ({ ticks }) => ({
      state: { ticks: ticks + 1 },
      send: [{ to: "a", message: {} as never }],
      effects: [{ kind: "history" }],
    }),
    isFirst: () => true,
    send: sent,
    perform: async () => {
      begun.resolve();
      await keeping.promise;
    },
  });
  const fed = role.feed({ kind: "tick" });
  await begun.promise;
  const stopped = role.stop();
  keeping.resolve();
  await Promise.all([fed, stopped]);
  expect(saved).not.toHaveBeenCalled();
  expect(sent).not.toHaveBeenCalled();
});

test("an input that comes while the secrets are erased does not bring them back", async () => {
  const unlinked = Promise.withResolvers<void>();
  const { role, files } = await ticking({ erased: unlinked.promise });
  await role.feed({ kind: "tick" });
  const finishing = role.finish();
  await vi.waitFor(() => expect(files.size).toBe(0), WAITS);
  await role.feed({ kind: "tick" });
  unlinked.resolve();
  await finishing;
  expect(files.size).toBe(0);
});
