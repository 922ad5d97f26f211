/** The whole mutation test of stored ledger records: every value of every record. */
import { beforeAll, expect, it } from "vitest";
import type { LedgerEntry } from "../port.ts";
import { type Life, playLife } from "./_fixture.ts";
import { copyOf, mutationsOf } from "./_mutations.ts";
import { PROBLEM_CODES } from "./problems.ts";
import { storedForm, verifyReplica } from "./replica.ts";

const PARTS = 6;
let life: Life;
beforeAll(async () => {
  life = await playLife({ mode: "counted" });
});

it.each(Array.from({ length: PARTS }, (_, part) => part))(
  "every changed value of every stored record is found at its position, with a reason (part %i)",
  async (part) => {
    const entries = copyOf(life.ledger.entries) as LedgerEntry[];
    const missed: string[] = [];
    for (let position = part; position < entries.length; position += PARTS) {
      for (const mutation of mutationsOf(entries[position], `/${position}`)) {
        if (mutation.kind !== "change" && mutation.kind !== "drop") continue;
        mutation.apply();
        const whole = mutation.where.endsWith("/time") ? entries : entries.slice(0, position + 1);
        const { problem } = await verifyReplica(whole.map(storedForm), life.checkpoint, life.trust);
        mutation.undo();
        const there = problem?.where === `/${position}` || mutation.where.endsWith("/time");
        const named = problem !== undefined && PROBLEM_CODES.includes(problem.code) && problem.code !== "size-mismatch";
        if (!there || !named) missed.push(`${mutation.kind} ${mutation.where} ${problem?.code}`);
      }
    }
    expect(missed).toEqual([]);
    expect(entries).toEqual(life.ledger.entries);
  },
);
