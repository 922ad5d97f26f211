/** Storage faults at every write of an append, at the sequencer and at a cosigning replica, each followed by a full check. */
import { describe, expect, test } from "vitest";
import { trustOf } from "../audit/_ledger.ts";
import { storedForm, verifyReplica } from "../audit/replica.ts";
import { admission, anchor, anchors, founding, NETWORK, publicKeyOf, testMember } from "../conformance/fixture.ts";
import { caughtUp, collect } from "../conformance/suite.ts";
import { parseProof } from "../log/proof-text.ts";
import type { Ledger, LedgerEntry, SignedTransaction } from "../port.ts";
import { type Fault, type MemoryStore, memoryStore } from "./_memory-store.ts";
import { openReplica } from "./replica.ts";
import { createSequencer, type Sequencer } from "./sequencer.ts";

const founder = testMember("operator", { kind: "industry" });
const a = testMember("a", { cosigner: true });
const NODES = ["sequencer", "replica"] as const;
type Stores = Readonly<Record<(typeof NODES)[number], MemoryStore>>;

const history: readonly (readonly SignedTransaction[])[] = [
  [founding(founder)],
  [admission(founder, a)],
  [anchor(founder, 0), anchor(founder, 1)],
  anchors(founder, 2, 2),
];
const HEIGHT = history.flat().length;

interface Network {
  readonly sequencer: Sequencer;
  readonly replica: Ledger;
}

async function open({ sequencer: store, replica: copy }: Stores, quorumTimeoutMs: number): Promise<Network> {
  const common = { network: NETWORK, now: Date.now };
  const sequencer = await createSequencer({ ...common, store, identity: founder.identity, quorumTimeoutMs });
  const replica = await openReplica({
    ...common,
    store: copy,
    identity: a.identity,
    sequencer: sequencer.api,
    pinnedSequencerKey: publicKeyOf(founder.identity),
    retryMs: 5,
    pollMs: 200,
  });
  return { sequencer, replica };
}

async function close({ sequencer, replica }: Network): Promise<void> {
  await replica.close();
  await sequencer.ledger.close();
}

/** Submits the history until something fails; answers what was acknowledged before that. */
async function play(network: Network): Promise<readonly LedgerEntry[]> {
  const acknowledged: LedgerEntry[] = [];
  for (const transactions of history) {
    try {
      acknowledged.push(...(await network.sequencer.ledger.submit(transactions)));
    } catch {
      break;
    }
  }
  await close(network);
  return acknowledged;
}

/** Hands everything in again, then verifies both copies as an auditor does: nothing acknowledged is lost, no fork. */
async function healAndCheck(stores: Stores, acknowledged: readonly LedgerEntry[]): Promise<void> {
  const network = await open(stores, 100_000);
  const { ledger } = network.sequencer;
  for (const transactions of history) await ledger.submit(transactions);
  await caughtUp(network.replica, HEIGHT);
  const proof = await ledger.prove(HEIGHT - 1);
  if (proof.kind !== "tlog") throw new Error("expected a tlog proof");
  const { checkpoint } = parseProof(proof.proof);
  for (const copy of [ledger, network.replica]) {
    const entries = await collect(copy.entries(0));
    expect(entries.map(({ transaction }) => transaction.statement.id)).toEqual(
      history.flat().map(({ statement }) => statement.id),
    );
    expect(entries.slice(0, acknowledged.length)).toEqual(acknowledged);
    const report = await verifyReplica(entries.map(storedForm), checkpoint, trustOf({ entries }, checkpoint, NETWORK));
    expect(report).toMatchObject({ verdict: "verified", entries: HEIGHT });
  }
  await close(network);
}

const WRITES = await (async () => {
  const stores = { sequencer: memoryStore(), replica: memoryStore() };
  await play(await open(stores, 100_000));
  return { sequencer: stores.sequencer.batches.length, replica: stores.replica.batches.length };
})();

const survivors = (stores: Stores, kept: (store: MemoryStore) => number): Stores => ({
  sequencer: stores.sequencer.after(kept(stores.sequencer)),
  replica: stores.replica.after(kept(stores.replica)),
});
const everything = (store: MemoryStore): number => store.batches.length;

describe.each(NODES)("at every write of the %s", (node) => {
  const withFault = (fault: (batch: number) => Fault | undefined): Stores => ({
    sequencer: memoryStore(),
    replica: memoryStore(),
    [node]: memoryStore([], fault),
  });
  // The first write marks a new store; without it there is no node yet.
  const writes = Array.from({ length: WRITES[node] - 1 }, (_, at) => at + 1);

  test("a disk that is full, and has room again later, loses nothing", async () => {
    for (const failing of writes) {
      const stores = withFault((batch) => (batch >= failing ? "early" : undefined));
      const acknowledged = await play(await open(stores, 300));
      await healAndCheck(survivors(stores, everything), acknowledged);
    }
  });

  test("a write that fails although it reached the disk loses nothing", async () => {
    for (const failing of writes) {
      const stores = withFault((batch) => (batch === failing ? "late" : undefined));
      const acknowledged = await play(await open(stores, 300));
      await healAndCheck(survivors(stores, everything), acknowledged);
    }
  });

  test("a power failure of both nodes that takes what was not synced loses nothing", async () => {
    for (const failing of writes) {
      const stores = withFault((batch) => (batch >= failing ? "early" : undefined));
      const acknowledged = await play(await open(stores, 300));
      await healAndCheck(
        survivors(stores, ({ synced }) => synced),
        acknowledged,
      );
    }
  });

  test("a torn write is repaired or refused, and the other node's copy has everything acknowledged", async () => {
    for (const failing of writes) {
      const stores = withFault((batch) => (batch === failing ? "torn" : undefined));
      const acknowledged = await play(await open(stores, 300));
      const after = survivors(stores, everything);
      const refused = await open(after, 300).then(close, (error: unknown) => error);
      if (refused === undefined) await healAndCheck(survivors(after, everything), acknowledged);
      else {
        expect(refused).toMatchObject({ code: "ERR_LEDGER_CORRUPT" });
        const whole = node === "sequencer" ? after.replica : after.sequencer;
        const copies = { sequencer: whole.after(everything(whole)), replica: whole.after(everything(whole)) };
        await healAndCheck(copies, acknowledged);
      }
    }
  });
});

test("a disk whose every fsync is slow delays the answer until it is done", async () => {
  const stores = { sequencer: memoryStore([], undefined, 40), replica: memoryStore([], undefined, 60) };
  const network = await open(stores, 100_000);
  for (const transactions of history) {
    await network.sequencer.ledger.submit(transactions);
    // Entries and checkpoint are in a synced batch of both stores before anyone hears of it.
    const held = (store: MemoryStore) => {
      const safe = store.after(store.synced);
      return [...safe.data.keys()].filter((key) => key.startsWith("entry/")).length;
    };
    const { height } = await network.sequencer.ledger.status();
    expect(held(stores.sequencer)).toBe(height);
    if (height > 2) expect(held(stores.replica)).toBe(height);
  }
  await close(network);
});
