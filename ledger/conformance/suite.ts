/** What every Ledger host must do. A host's own test file calls this with a factory of whole networks. */
import { afterEach, describe, expect, test } from "vitest";
import { keys, readMember, readNetwork } from "../../chaincode/rules/keys.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { type Ledger, type LedgerEntry, LedgerError } from "../port.ts";
import { admission, anchor, anchors, founding, NETWORK, type TestMember, testMember, transaction } from "./fixture.ts";

export interface TestNetwork {
  /** One ledger per founding member, the founder's first; nothing is recorded yet. */
  readonly ledgers: readonly Ledger[];
  close(): Promise<void>;
}

export interface ConformanceCase {
  readonly name: string;
  readonly founder?: TestMember;
  /** Members besides the founder; each has a ledger of its own. */
  readonly members: readonly TestMember[];
  /** A network whose parties know each other's keys, but whose ledger is empty. */
  readonly create: (founder: TestMember, members: readonly TestMember[]) => Promise<TestNetwork>;
}

const operator = testMember("operator", { kind: "industry" });

export function describeLedger({ name, founder = operator, members, create }: ConformanceCase): void {
  describe(`Ledger conformance: ${name}`, () => {
    let network: TestNetwork | undefined;
    afterEach(async () => {
      await network?.close();
      network = undefined;
    });

    async function founded(): Promise<{ readonly first: Ledger; readonly ledgers: readonly Ledger[] }> {
      network = await create(founder, members);
      const [first] = network.ledgers;
      if (first === undefined) throw new TypeError("factory: expected at least one ledger");
      await first.submit([founding(founder)]);
      for (const member of members) await first.submit([admission(founder, member)]);
      return { first, ledgers: network.ledgers };
    }

    test("the founder founds the network with the first record", async () => {
      const { first } = await founded();
      expect((await readNetwork(first))?.network).toBe(NETWORK);
      expect((await readMember(first, founder.id))?.status).toBe("active");
    });

    test("a submission resolves in input order with consecutive positions, and reads see it at once", async () => {
      const { first } = await founded();
      const start = (await first.status()).height;
      const entries = await first.submit([anchor(founder, 0), anchor(founder, 1), anchor(founder, 2)]);
      expect(entries.map(({ position }) => position)).toEqual([start, start + 1, start + 2]);
      expect((await first.status()).height).toBeGreaterThanOrEqual(start + 3);
      expect(await first.get(keys.access(founder.id))).toMatchObject({ to: 3 });
    });

    test("a resubmission of the same transaction resolves with its first entry and records nothing", async () => {
      const { first } = await founded();
      const [once] = await first.submit([anchor(founder, 0)]);
      const { height } = await first.status();
      const [again, inOneBatch] = await first.submit([anchor(founder, 0), anchor(founder, 0)]);
      expect(again).toEqual(once);
      expect(inOneBatch).toEqual(once);
      expect((await first.status()).height).toBe(height);
    });

    test("transactions under one signature are recorded each for itself, and none of them when it was changed", async () => {
      const { first } = await founded();
      const signed = anchors(founder, 0, 5);
      const forged = { ...signed[4]!, batch: signed[3]!.batch! };
      const entries = await first.submit(signed.slice(0, 4));
      expect(entries.map(({ transaction }) => transaction)).toEqual(signed.slice(0, 4));
      await expect(first.submit([forged])).rejects.toMatchObject({
        code: "ERR_LEDGER_REJECTED",
        rejection: { code: "ERR_CONTRACT_SIGNATURE", index: 0 },
      });
      await first.submit(signed);
      expect(await first.get(keys.access(founder.id))).toMatchObject({ to: 5 });
    });

    test("the same id with another content is rejected", async () => {
      const { first } = await founded();
      const original = anchor(founder, 0);
      await first.submit([original]);
      const body = { from: 1, to: 2, root: digestOf("another") };
      const other = transaction(founder, "access.anchor", body, original.statement.id);
      await expect(first.submit([other])).rejects.toMatchObject({
        code: "ERR_LEDGER_REJECTED",
        rejection: { code: "ERR_CONTRACT_ID_REUSED", index: 0 },
      });
    });

    test("a rejected transaction carries the contract's code and leaves the others of its batch in place", async () => {
      const { first } = await founded();
      const rejected = first.submit([anchor(founder, 0), anchor(founder, 7), anchor(founder, 1)]);
      await expect(rejected).rejects.toBeInstanceOf(LedgerError);
      await expect(rejected).rejects.toMatchObject({
        code: "ERR_LEDGER_REJECTED",
        rejection: { code: "ERR_CONTRACT_RANGE", field: "from", index: 1 },
      });
      expect(await first.get(keys.access(founder.id))).toMatchObject({ to: 2 });
    });

    test("a forged signature and a stranger are rejected", async () => {
      const { first } = await founded();
      const honest = anchor(founder, 0);
      const forged = { ...honest, signature: anchor(founder, 1).signature };
      await expect(first.submit([forged])).rejects.toMatchObject({ rejection: { code: "ERR_CONTRACT_SIGNATURE" } });
      const stranger = anchor(testMember("stranger"), 0);
      await expect(first.submit([stranger])).rejects.toMatchObject({
        rejection: { code: "ERR_CONTRACT_UNKNOWN_MEMBER" },
      });
    });

    test("every member submits through its own ledger and reads what all have written", async () => {
      const { ledgers } = await founded();
      const all = [founder, ...members];
      await Promise.all(ledgers.map((ledger, at) => ledger.submit([anchor(all[at]!, 0)])));
      for (const [at, ledger] of ledgers.entries()) {
        await caughtUp(ledger, (await ledgers[0]!.status()).height);
        const anchored = await collect(ledger.range("access/"));
        expect(anchored.map(([key]) => key)).toEqual(all.map(({ id }) => keys.access(id)).sort());
        expect((await ledger.status()).reachable, `ledger ${at}`).toBe(true);
      }
    });

    test("all members hold the same log", async () => {
      const { first, ledgers } = await founded();
      await first.submit([anchor(founder, 0), anchor(founder, 1)]);
      const { height, root } = await first.status();
      const log = await collect(first.entries(0));
      expect(log).toHaveLength(height);
      for (const ledger of ledgers) {
        await caughtUp(ledger, height);
        expect(await collect(ledger.entries(0, height))).toEqual(log);
        expect((await ledger.status()).root).toBe(root);
      }
    });

    test("time is UTC, monotone over the ledger", async () => {
      const { first } = await founded();
      await first.submit([anchor(founder, 0)]);
      await first.submit([anchor(founder, 1)]);
      const times = (await collect(first.entries(0))).map(({ time }) => time);
      expect([...times].sort()).toEqual(times);
      for (const time of times) expect(time).toMatch(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
    });

    test("entries pages from any position and ends at the present height", async () => {
      const { first } = await founded();
      await first.submit([anchor(founder, 0), anchor(founder, 1)]);
      const { height } = await first.status();
      expect((await collect(first.entries(1, 1))).map(({ position }) => position)).toEqual([1]);
      expect((await collect(first.entries(height - 1))).map(({ position }) => position)).toEqual([height - 1]);
      expect(await collect(first.entries(height))).toEqual([]);
    });

    test("follow yields what was there, then what comes, until it is aborted", async () => {
      const { first } = await founded();
      const { height } = await first.status();
      const stop = new AbortController();
      const seen: LedgerEntry[] = [];
      const following = (async () => {
        for await (const entry of first.follow(height - 1, stop.signal)) {
          seen.push(entry);
          if (seen.length === 3) stop.abort();
        }
      })();
      await first.submit([anchor(founder, 0)]);
      await first.submit([anchor(founder, 1)]);
      await following;
      expect(seen.map(({ position }) => position)).toEqual([height - 1, height, height + 1]);
    });

    test("every acknowledged entry has a proof, an entry beyond the height has none", async () => {
      const { first } = await founded();
      await first.submit([anchor(founder, 0)]);
      const { height } = await first.status();
      for (let position = 0; position < height; position += 1) {
        expect((await first.prove(position)).kind).toMatch(/^(tlog|fabric)$/);
      }
      await expect(first.prove(height)).rejects.toThrow(RangeError);
    });

    test("many concurrent submissions are all recorded, each once", async () => {
      const { first, ledgers } = await founded();
      const components = Array.from({ length: 60 }, (_, at) => component(founder, at));
      await Promise.all(components.map((one, at) => ledgers[at % ledgers.length]!.submit([one])));
      const heights = await Promise.all(ledgers.map(async (ledger) => (await ledger.status()).height));
      const height = Math.max(...heights);
      await caughtUp(first, height);
      const ids = (await collect(first.entries(0))).map(({ transaction: { statement } }) => statement.id);
      expect(new Set(ids).size).toBe(height);
      for (const { statement } of components) expect(ids).toContain(statement.id);
    });

    test("after close every call to submit is refused", async () => {
      const { first } = await founded();
      await network?.close();
      network = undefined;
      await expect(first.submit([anchor(founder, 0)])).rejects.toMatchObject({ code: "ERR_LEDGER_CLOSED" });
    });
  });
}

const component = (author: TestMember, at: number) =>
  transaction(author, "component.register", {
    component: `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`,
    version: "1.0.0",
    type: "tool",
    digest: digestOf(`component ${at}`),
    manifestDigest: digestOf(`manifest ${at}`),
    lineage: [],
  });

/** Waits until a ledger that follows another has `height` entries. */
export async function caughtUp(ledger: Ledger, height: number): Promise<void> {
  const signal = AbortSignal.timeout(100_000);
  for await (const { position } of ledger.follow(Math.max(0, height - 1), signal)) {
    if (position >= height - 1) return;
  }
  if (height > 0) throw new Error(`ledger: expected ${height} entries in time`);
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
