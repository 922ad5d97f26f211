import { expect, test } from "vitest";
import type { RequestLife } from "../../exchange/requests/life.ts";
import type { LifeRecord } from "../../exchange/requests/ports.ts";
import { CONFIG_DEFAULTS } from "../config/node-config.ts";
import { createRequestDeadlines } from "./request-deadlines.ts";

const life = {
  name: "submitted",
  id: "r",
  requester: "ministry",
  receiver: "bureau",
  digest: "d",
  submittedAt: "2026-11-23T02:00:00Z",
  assets: { "alpha:x": { outcome: "wait", reasons: [] } },
  failures: [],
} satisfies RequestLife;
const HOUR_MS = 3_600_000;

/** One member's node on a clock of its own; `kept` outlives it. */
function nodeOf(member: string, kept = new Map<string, unknown>()) {
  const lives = new Map<string, LifeRecord>([["r", { life, position: 1 }]]);
  const told: string[] = [];
  let time = Date.parse(life.submittedAt);
  let ring: (() => void) | undefined;
  const deadlines = createRequestDeadlines({
    member,
    now: () => new Date(time).toISOString(),
    alarm: (_at, next) => {
      ring = next;
      return () => undefined;
    },
    log: { warn: ({ standing }: { standing: string }) => told.push(standing) } as never,
    config: () => CONFIG_DEFAULTS as never,
    openStore: () =>
      ({
        get: async (id: string) => kept.get(id),
        put: async (id: string, value: unknown) => void kept.set(id, value),
        delete: async (id: string) => void kept.delete(id),
        entries: async function* () {
          yield* kept;
        },
      }) as never,
    lives: {
      entries: async function* () {
        yield* lives;
      },
    },
    sequencer: async () => "operator",
  });
  return {
    told,
    kept,
    lives,
    deadlines,
    async until(date: string) {
      for (; time < Date.parse(date); time += HOUR_MS) {
        ring?.();
        await deadlines.list();
        await new Promise(setImmediate);
      }
    },
  };
}

test.each([
  ["alpha", ["reminded", "overdue", "escalated"]],
  ["ministry", ["overdue", "escalated"]],
  ["operator", ["escalated"]],
  ["beta", []],
])("%s is told %j of a provider that does not answer, each once", async (member, wanted) => {
  const node = nodeOf(member);
  node.deadlines.start();
  await node.until("2026-12-10T00:00:00Z");
  await node.deadlines.stop();
  expect(node.told).toEqual(wanted);
});

test("a restart says nothing again, and an answer ends the reminders", async () => {
  const first = nodeOf("alpha");
  first.deadlines.start();
  await first.until("2026-12-04T00:00:00Z");
  await first.deadlines.stop();
  expect(first.told).toEqual(["reminded", "overdue"]);
  const second = nodeOf("alpha", first.kept);
  await second.until("2026-12-04T00:00:00Z");
  second.deadlines.start();
  await second.until("2026-12-05T00:00:00Z");
  expect(second.told).toEqual([]);
  expect((await second.deadlines.list())[0]).toMatchObject({ role: "provider", standing: "overdue" });
  second.lives.set("r", { life: { ...life, assets: { "alpha:x": { outcome: "refuse", reasons: [] } } }, position: 2 });
  await second.until("2026-12-05T03:00:00Z");
  await second.deadlines.stop();
  expect(second.kept.size).toBe(0);
});
