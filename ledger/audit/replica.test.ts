import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { LedgerEntry } from "../port.ts";
import { type Life, playLife } from "./_fixture.ts";
import { identityOf, trustOf } from "./_ledger.ts";
import { copyOf, mutationsOf, shapeOf } from "./_mutations.ts";
import { memoryStore } from "./memory-store.ts";
import { PROBLEM_CODES } from "./problems.ts";
import { storedForm, verifyReplica } from "./replica.ts";

let life: Life;
beforeAll(async () => {
  life = await playLife({ mode: "counted" });
});
const verify = (entries: readonly unknown[], checkpoint = life.checkpoint, trust: unknown = life.trust) =>
  verifyReplica((entries as readonly LedgerEntry[]).map(storedForm), checkpoint, trust);
const copy = () => copyOf(life.ledger.entries) as LedgerEntry[];

describe("a true ledger", () => {
  it("verifies from its entries, its checkpoint and the pinned keys alone", async () => {
    const report = await verify(life.ledger.entries);
    expect(report).toMatchObject({ verdict: "verified", entries: life.ledger.entries.length });
    expect(report).not.toHaveProperty("problem");
  });

  it("verifies from a stream", async () => {
    async function* stream() {
      for (const entry of life.ledger.entries) yield storedForm(entry);
    }
    expect((await verifyReplica(stream(), life.checkpoint, life.trust)).verdict).toBe("verified");
  });

  it("verifies although the trust file was exported when the ledger was shorter", async () => {
    const trust = { ...life.trust, checkpoint: life.openedCheckpoint };
    expect((await verify(life.ledger.entries, life.checkpoint, trust)).verdict).toBe("verified");
    // The other way round, the ledger has lost what the trust file saw cosigned.
    const opening = life.parts.opened.record.entry.position;
    const shorter = await verify(copy().slice(0, opening + 1), life.openedCheckpoint);
    expect(shorter.problem).toMatchObject({ where: "/checkpoint", code: "size-mismatch" });
  });
});

describe("a changed ledger record", () => {
  it("is found at its position or by the root, whatever value of whatever record was changed", async () => {
    const seen = new Set<string>();
    const missed: string[] = [];
    for (const [position, entry] of life.ledger.entries.entries()) {
      const { type } = entry.transaction.statement;
      const entries = copy();
      for (const mutation of mutationsOf(entries[position], `/${position}`)) {
        const shape = `${mutation.kind} ${type} ${shapeOf(mutation.where)}`;
        if (seen.has(shape) || seen.size % 5 !== 0) {
          seen.add(shape);
          continue;
        }
        seen.add(shape);
        mutation.apply();
        const { verdict, problem } = await verify(entries.slice(0, position + 1));
        mutation.undo();
        const named = problem !== undefined && PROBLEM_CODES.includes(problem.code);
        if (verdict !== "failed" || !named || problem.where !== `/${position}`) {
          // A time may change within its neighbours' times: then it is the root that differs.
          if (!mutation.where.endsWith("/time")) missed.push(`${shape} ${JSON.stringify(problem)}`);
        }
      }
    }
    expect(missed).toEqual([]);
    expect(seen.size).toBeGreaterThan(100);
  });

  it("is found when only its ordering time was moved a little", async () => {
    const entries = copy();
    const moved = new Date(Date.parse(entries[20]!.time) + 1).toISOString();
    entries[20] = { ...entries[20]!, time: moved };
    expect((await verify(entries)).problem).toMatchObject({ where: "/trust/checkpoint", code: "checkpoint-conflict" });
  });
});

describe("a changed ledger", () => {
  const found = async (entries: readonly unknown[], checkpoint?: string, trust?: unknown) =>
    (await verify(entries, checkpoint, trust)).problem;

  it("with a missing record is found at the gap", async () => {
    const entries = copy();
    entries.splice(12, 1);
    expect(await found(entries)).toMatchObject({
      where: "/12",
      code: "position-gap",
      values: { expected: 12, got: 13 },
    });
  });

  it("with renumbered records after a missing one is found", async () => {
    const entries = copy();
    entries.splice(12, 1);
    expect(await found(entries.map((entry, position) => ({ ...entry, position })))).toMatchObject({ code: "rejected" });
  });

  it("that lost its end is found against the checkpoint", async () => {
    expect(await found(copy().slice(0, -3))).toMatchObject({ where: "/checkpoint", code: "size-mismatch" });
  });

  it("that repeats a record is found", async () => {
    const entries = copy();
    const last = entries.at(-1)!;
    entries.push({ ...last, position: entries.length });
    expect(await found(entries)).toMatchObject({ where: `/${entries.length - 1}`, code: "repeated" });
  });

  it("with swapped records is found", async () => {
    const entries = copy();
    const [a, b] = [entries[2]!, entries[3]!];
    entries.splice(2, 2, { ...b, position: 2 }, { ...a, position: 3 });
    expect(await found(entries)).toMatchObject({ where: "/3", code: "time-order" });
  });

  it("whose time runs backwards is found", async () => {
    const entries = copy();
    entries[9] = { ...entries[9]!, time: "2026-01-05T07:00:00Z" };
    expect(await found(entries)).toMatchObject({ where: "/9", code: "time-order" });
  });

  it("with something beside the record is found", async () => {
    const entries: unknown[] = copy();
    entries[4] = { ...(entries[4] as object), note: "unsigned" };
    expect(await found(entries)).toMatchObject({ where: "/4", code: "ledger-entry" });
  });

  it("with a record that the contract refuses is found, with the contract's reason", async () => {
    const entries = copy();
    const forged = { ...entries[25]!.transaction, signer: "gov" };
    entries[25] = { ...entries[25]!, transaction: forged };
    expect(await found(entries)).toMatchObject({ where: "/25", code: "rejected" });
  });

  it("of one true history is not the other one", async () => {
    const other = await playLife({ mode: "counted", release: { reviewers: ["someone else"] } });
    expect(await found(other.ledger.entries, other.checkpoint)).toMatchObject({
      where: "/trust/checkpoint",
      code: "checkpoint-conflict",
    });
  });

  it("without its quorum is found", async () => {
    expect(await found(copy(), life.ledger.checkpoint(["bureau"]))).toMatchObject({
      where: "/checkpoint",
      code: "checkpoint-quorum",
      values: { needed: 2, valid: 1 },
    });
  });

  it("whose keys are not those that are pinned is found", async () => {
    const trust = copyOf(life.trust);
    const stranger = identityOf("p3", 9);
    const publicKey = Buffer.from(stranger.publicKey).toString("base64url");
    trust.members.find(({ id }) => id === "p3")!.keys = [{ key: stranger.key, suite: "intl", publicKey, from: 5 }];
    expect(await found(copy(), life.checkpoint, trust)).toMatchObject({ where: "/trust/members", code: "member-key" });
  });

  it.each([
    ["", "not-json"],
    ["{", "not-json"],
    ["null", "ledger-entry"],
    ["5", "ledger-entry"],
    ['"x"', "ledger-entry"],
    ["[]", "ledger-entry"],
    ["{}", "ledger-entry"],
    ['{"time":"","transaction":null}', "ledger-entry"],
    ['{"time":"2026-01-05T08:00:00Z","transaction":null}', "rejected"],
    ['{"transaction":null,"time":"2026-01-05T08:00:00Z"}', "not-canonical"],
    [`${"[".repeat(200_000)}${"]".repeat(200_000)}`, "ledger-entry"],
    [`{"time":"2026-01-05T08:00:00Z","transaction":${"[".repeat(200_000)}${"]".repeat(200_000)}}`, "not-canonical"],
  ])("survives the stored text %.40s", async (text, code) => {
    const report = await verifyReplica([{ position: 0, text }], life.checkpoint, life.trust);
    expect(report.problem).toMatchObject({ where: "/0", code });
  });

  it("is not looked at under a trust file that is malformed", async () => {
    expect(await found(copy(), life.checkpoint, { ...life.trust, members: [] })).toMatchObject({
      where: "/trust/members",
      code: "schema",
    });
  });
});

describe("key rotation", () => {
  it("is followed: the pinned spans read off the ledger verify it", () => {
    const p2 = trustOf(life.ledger, life.checkpoint).members.find(({ id }) => id === "p2");
    expect(p2?.keys).toHaveLength(2);
    expect(p2?.keys[0]?.ended?.how).toBe("replaced");
    expect(p2?.keys[1]?.from).toBe(p2?.keys[0]?.ended?.at);
  });

  it.each(["operator", "bureau"])("after the export of the trust file is one clear problem: %s", async (member) => {
    const { ledger, trust } = await playLife({ mode: "registry" });
    await ledger.rotate(member);
    await ledger.rotate("p3");
    const report = await verifyReplica(ledger.entries.map(storedForm), ledger.checkpoint(), trust);
    expect(report.problem).toMatchObject({
      where: "/trust/checkpoint",
      code: "trust-outdated",
      values: { size: ledger.entries.length },
    });
  });
});

describe("the store of the re-execution", () => {
  it("answers as a sorted list of all keys would", async () => {
    const key = fc.stringMatching(/^[a-c](\/[a-c]){0,3}$/);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ key, value: fc.nat() }), { maxLength: 30 }),
        fc.stringMatching(/^([a-c]\/){0,3}[a-c]?$/),
        async (puts, prefix) => {
          const store = memoryStore();
          for (const { key: name, value } of puts) await store.put(name, value);
          const model = new Map(puts.map(({ key: name, value }) => [name, value]));
          const expected = [...model].filter(([name]) => name.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
          const got: unknown[] = [];
          for await (const pair of store.range(prefix)) got.push(pair);
          expect(got).toEqual(expected);
        },
      ),
    );
  });
});
