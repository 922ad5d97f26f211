/** kill -9 of a provider of records, at its writes, from the agreement to the day on which the transfer is forgotten. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { RecordsDeath, RecordsEnd, RecordsSetup } from "./_records-process.ts";

const program = fileURLToPath(new URL("_records-process.ts", import.meta.url));

/** Each write on the way. Of a delivery: reserved, taken, given back; of a transfer: started, held, resumed, over. */
const WRITES: readonly Omit<RecordsDeath, "when">[] = [
  { store: "marks", op: "put", nth: 1 },
  { store: "ledger", op: "submit", nth: 1 },
  { store: "agreements", op: "put", nth: 1 },
  { store: "snapshots", op: "put", nth: 1 },
  { store: "uses", op: "put", nth: 1 },
  ...[1, 2, 3, 4].map((nth) => ({ store: "deliveries", op: "put" as const, nth })),
  { store: "holds", op: "put", nth: 1 },
  { store: "holds", op: "delete", nth: 1 },
  { store: "wishes", op: "put", nth: 1 },
  { store: "wishes", op: "delete", nth: 1 },
  ...[3, 4, 5, 7].map((nth) => ({ store: "transfers", op: "put" as const, nth })),
  { store: "ended", op: "put", nth: 1 },
  { store: "deliveries", op: "delete", nth: 1 },
  { store: "gone", op: "put", nth: 1 },
  { store: "transfers", op: "delete", nth: 1 },
  { store: "ended", op: "delete", nth: 1 },
];
/** A use may be lost in these, and in no other. */
const COSTS = ["uses", "deliveries"];

/** Two runs: before every other write and after the rest, then the other way round. */
const run = (first: 0 | 1) =>
  WRITES.map((write, at): RecordsDeath => ({ ...write, when: at % 2 === first ? "before" : "after" }));

test.each([
  ["before every other write", run(0)],
  ["after these", run(1)],
])(
  "records are agreed on, counted, held, resumed and forgotten as they would have been, killed %s",
  async (_when, cases) => {
    const dir = await mkdtemp(join(tmpdir(), "sealane-crash-records-"));
    const env = { ...process.env, NODE_COMPILE_CACHE: join(dir, "code") };
    const ends: string[] = [];
    let said = "";
    try {
      while (ends.at(-1) !== "0" && ends.length <= cases.length) {
        const setup: RecordsSetup = { dir, cases };
        const child = spawn(process.execPath, [program, JSON.stringify(setup)], {
          stdio: ["ignore", "pipe", "inherit"],
          env,
        });
        const exited = once(child, "exit");
        said = await text(child.stdout);
        const [code, signal] = (await exited) as [number | null, string | null];
        ends.push(String(signal ?? code));
        if (code !== null && code !== 0) break;
      }
      expect(ends).toEqual([...cases.map(() => "SIGKILL"), "0"]);
      for (const at of cases.keys()) await expect(access(join(dir, `died-${at}`))).resolves.toBeUndefined();
      const { used, ...end } = JSON.parse(said) as RecordsEnd;
      const all = cases.length;
      expect(end).toEqual({ kept: all, held: all, recorded: all, left: [], gone: all });
      expect(used).toBeGreaterThanOrEqual(all);
      expect(used).toBeLessThanOrEqual(all + cases.filter(({ store }) => COSTS.includes(store)).length);
    } finally {
      await rm(dir, { recursive: true, force: true, maxRetries: 5 });
    }
  },
  240_000,
);
