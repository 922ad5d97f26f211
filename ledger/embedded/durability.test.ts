import { describe, expect, test } from "vitest";
import { keys } from "../../chaincode/rules/keys.ts";
import {
  admission,
  anchor,
  digest,
  founding,
  NETWORK,
  publicKeyOf,
  type TestMember,
  testMember,
  transaction,
  uuid,
} from "../conformance/fixture.ts";
import { caughtUp, collect } from "../conformance/suite.ts";
import type { Ledger, SignedTransaction } from "../port.ts";
import { type MemoryStore, memoryStore } from "./_memory-store.ts";
import type { ForkEvidence } from "./fork.ts";
import { openChain } from "./open-chain.ts";
import { openReplica, type ReplicaOptions } from "./replica.ts";
import { createSequencer, type Sequencer, type SequencerOptions } from "./sequencer.ts";
import type { SequencerApi } from "./sequencer-api.ts";

const founder = testMember("operator", { kind: "industry" });
const cosigners = ["a", "b", "c"].map((id) => testMember(id, { cosigner: true }));
const [a, b, c] = cosigners as [TestMember, TestMember, TestMember];
const now = () => Date.now();

const sequence = (store: MemoryStore, changes: Partial<SequencerOptions> = {}): Promise<Sequencer> =>
  createSequencer({ store, network: NETWORK, identity: founder.identity, now, quorumTimeoutMs: 100_000, ...changes });

const replicate = (
  member: TestMember,
  sequencer: SequencerApi,
  changes: Partial<ReplicaOptions> & { readonly store: MemoryStore },
): Promise<Ledger> =>
  openReplica({
    network: NETWORK,
    identity: member.identity,
    sequencer,
    pinnedSequencerKey: publicKeyOf(founder.identity),
    now,
    retryMs: 10,
    pollMs: 500,
    ...changes,
  });

const history: readonly SignedTransaction[] = [
  founding(founder),
  admission(founder, testMember("observer")),
  ...[0, 1, 2, 3].map((from) => anchor(founder, from)),
];

async function founded(members: readonly TestMember[]) {
  const store = memoryStore();
  const sequencer = await sequence(store);
  const stores = members.map(() => memoryStore());
  const replicas = await Promise.all(
    members.map((member, at) => replicate(member, sequencer.api, { store: stores[at]! })),
  );
  await sequencer.ledger.submit([founding(founder)]);
  for (const member of members) await sequencer.ledger.submit([admission(founder, member)]);
  return { store, sequencer, stores, replicas };
}

const closeAll = (...ledgers: readonly Ledger[]) => Promise.all(ledgers.map((ledger) => ledger.close()));

describe("crash of a sequencer", () => {
  test("no acknowledged record is lost, wherever the power fails", async () => {
    const store = memoryStore();
    const { ledger } = await sequence(store);
    const acknowledgedAt: { readonly id: string; readonly batches: number; readonly synced: number }[] = [];
    for (const transaction of history) {
      await ledger.submit([transaction]);
      acknowledgedAt.push({ id: transaction.statement.id, batches: store.batches.length, synced: store.synced });
    }
    await ledger.close();
    for (let survived = 0; survived <= store.batches.length; survived += 1) {
      const reopened = await sequence(store.after(survived));
      // Whatever was synced when the answer went out is there; the tail is finished, not dropped.
      const safe = acknowledgedAt.filter(({ synced }) => synced <= survived);
      if (safe.length > 0) await caughtUp(reopened.ledger, safe.length);
      const ids = (await collect(reopened.ledger.entries(0))).map(({ transaction }) => transaction.statement.id);
      expect(ids.slice(0, safe.length)).toEqual(safe.map(({ id }) => id));
      for (const transaction of history) await reopened.ledger.submit([transaction]);
      expect((await reopened.ledger.status()).height).toBe(history.length);
      expect(await reopened.ledger.get(keys.access(founder.id))).toMatchObject({ to: 4 });
      await reopened.ledger.close();
    }
  });

  test.each(["early", "late"] as const)(
    "a store that fails %s at any write stops it, and reopening heals",
    async (kind) => {
      const whole = memoryStore();
      const { ledger } = await sequence(whole);
      for (const transaction of history) await ledger.submit([transaction]);
      await ledger.close();
      for (let failing = 1; failing < whole.batches.length; failing += 1) {
        const store = memoryStore([], (batch) => (batch === failing ? kind : undefined));
        const broken = await sequence(store);
        const acknowledged: string[] = [];
        let stopped: unknown;
        for (const transaction of history) {
          try {
            await broken.ledger.submit([transaction]);
            acknowledged.push(transaction.statement.id);
          } catch (error) {
            stopped = error;
            break;
          }
        }
        expect(stopped).toMatchObject({ code: "ERR_LEDGER_FULL" });
        await expect(broken.ledger.submit([history[0]!])).rejects.toMatchObject({ code: "ERR_LEDGER_FULL" });
        await broken.ledger.close();
        const healed = await sequence(store.after(store.batches.length));
        for (const transaction of history) await healed.ledger.submit([transaction]);
        const ids = (await collect(healed.ledger.entries(0))).map(({ transaction }) => transaction.statement.id);
        expect(ids).toEqual(history.map(({ statement }) => statement.id));
        expect(ids.slice(0, acknowledged.length)).toEqual(acknowledged);
        await healed.ledger.close();
      }
    },
  );

  test("a submission without quorum stays pending, and the same submission is answered when the quorum is back", async () => {
    const { sequencer, replicas, store, stores } = await founded([a]);
    await closeAll(...replicas);
    const transaction = anchor(founder, 0);
    const impatient = await sequence(store.after(store.batches.length), { quorumTimeoutMs: 50 });
    await expect(impatient.ledger.submit([transaction])).rejects.toMatchObject({ code: "ERR_LEDGER_NO_QUORUM" });
    const replica = await replicate(a, impatient.api, { store: stores[0]!.after(stores[0]!.batches.length) });
    await caughtUp(impatient.ledger, 3);
    const [entry] = await impatient.ledger.submit([transaction]);
    expect(entry).toMatchObject({ position: 2, transaction });
    await closeAll(replica, impatient.ledger, sequencer.ledger);
  });

  test("a crash between fsync and quorum leaves a tail that reads do not show and the quorum finishes", async () => {
    const { sequencer, replicas, store, stores } = await founded([a]);
    await closeAll(...replicas);
    const pending = sequencer.ledger.submit([anchor(founder, 0)]).catch((error: unknown) => error);
    while (!store.data.has("tail")) await new Promise((resolve) => setTimeout(resolve, 5));
    const crashed = store.after(store.batches.length);
    await sequencer.ledger.close();
    expect(await pending).toMatchObject({ code: "ERR_LEDGER_CLOSED" });
    const reopened = await sequence(crashed);
    expect((await reopened.ledger.status()).height).toBe(2);
    expect(await reopened.ledger.get(keys.access(founder.id))).toBeUndefined();
    const replica = await replicate(a, reopened.api, { store: stores[0]!.after(stores[0]!.batches.length) });
    await caughtUp(reopened.ledger, 3);
    expect(await reopened.ledger.get(keys.access(founder.id))).toMatchObject({ to: 1 });
    await closeAll(replica, reopened.ledger);
  });
});

test("large transactions travel in several group commits", async () => {
  const store = memoryStore();
  const { ledger, api } = await sequence(store);
  await ledger.submit([founding(founder)]);
  const lineage = Array.from({ length: 100 }, () => "x".repeat(500));
  const large = Array.from({ length: 120 }, (_, at) =>
    transaction(founder, "component.register", {
      component: uuid(`large ${at}`),
      version: "1.0.0",
      type: "knowledge",
      digest: digest("component"),
      manifestDigest: digest("manifest"),
      lineage,
    }),
  );
  await ledger.submit(large);
  const batches = await api.batches({ from: 0, limit: 1000, waitMs: 0 });
  expect(batches.length).toBeGreaterThan(2);
  for (const batch of batches) expect(JSON.stringify(batch).length).toBeLessThan(5 * 1024 * 1024);
  const replica = await replicate(testMember("observer"), api, { store: memoryStore() });
  await caughtUp(replica, 121);
  await closeAll(replica, ledger);
});

describe("crash of a replica", () => {
  test("a replica resumes from every point of its own history", async () => {
    const { sequencer, replicas, stores } = await founded([a, b, c]);
    await sequencer.ledger.submit([anchor(founder, 0), anchor(founder, 1)]);
    const { height, root } = await sequencer.ledger.status();
    for (const replica of replicas) await caughtUp(replica, height);
    await replicas[0]!.close();
    const [store] = stores as [MemoryStore];
    for (let survived = 0; survived <= store.batches.length; survived += 1) {
      const resumed = await replicate(a, sequencer.api, { store: store.after(survived) });
      await caughtUp(resumed, height);
      expect((await resumed.status()).root).toBe(root);
      await resumed.close();
    }
    await closeAll(...replicas.slice(1), sequencer.ledger);
  });

  test("two of three cosigners are a quorum, one is not", async () => {
    const { sequencer, replicas, store, stores } = await founded([a, b, c]);
    await replicas[2]!.close();
    await sequencer.ledger.submit([anchor(founder, 0)]);
    await closeAll(...replicas.slice(0, 2), sequencer.ledger);
    const impatient = await sequence(store.after(store.batches.length), { quorumTimeoutMs: 500 });
    const replica = await replicate(a, impatient.api, { store: stores[0]!.after(stores[0]!.batches.length) });
    await expect(impatient.ledger.submit([anchor(founder, 1)])).rejects.toMatchObject({ code: "ERR_LEDGER_NO_QUORUM" });
    await closeAll(replica, impatient.ledger);
  });
});

describe("a damaged store is refused", () => {
  async function damaged(change: (store: MemoryStore) => void): Promise<unknown> {
    const { sequencer, replicas, store } = await founded([a]);
    await sequencer.ledger.submit([anchor(founder, 0), anchor(founder, 1)]);
    await closeAll(...replicas, sequencer.ledger);
    const copy = store.after(store.batches.length);
    change(copy);
    return openChain(copy, NETWORK).then(
      () => "opened",
      (error: unknown) => error,
    );
  }
  const edit = (key: RegExp, change: (text: string) => string) => (store: MemoryStore) => {
    const found = [...store.data].filter(([name]) => key.test(name));
    expect(found.length).toBeGreaterThan(0);
    for (const [name, text] of found) store.data.set(name, change(text));
  };
  const remove = (key: RegExp) => (store: MemoryStore) => {
    for (const name of [...store.data.keys()].filter((one) => key.test(one))) store.data.delete(name);
  };

  test("an undamaged one opens", async () => {
    expect(await damaged(() => {})).toBe("opened");
  });

  test.each<readonly [string, (store: MemoryStore) => void]>([
    ["an entry with another byte", edit(/^entry\/0+1$/, (text) => text.replace("member", "nember"))],
    ["a missing entry", remove(/^entry\/0+2$/)],
    ["a missing last entry", remove(/^entry\/0+3$/)],
    [
      "an entry too many",
      (store) => store.data.set("entry/0000000000000004", store.data.get("entry/0000000000000003")!),
    ],
    ["a changed Merkle node", edit(/^node\/02\//, () => "A".repeat(43))],
    ["a missing Merkle node", remove(/^node\/02\//)],
    ["a changed state record", edit(/^state\/access\/operator$/, (text) => text.replace('"to":2', '"to":9'))],
    ["a missing state record", remove(/^state\/member\/a$/)],
    ["a state record too many", (store) => store.data.set("state/member/ghost", "{}")],
    ["a missing head", remove(/^head$/)],
    ["a head that is not JSON", edit(/^head$/, () => "{")],
    ["a head of another size", edit(/^head$/, (text) => text.replace('"size":4', '"size":3'))],
    [
      "a checkpoint with another root",
      edit(/^head$/, (text) => text.replace(/(\\n4\\n)(.)/, (_, before, at) => before + (at === "/" ? "+" : "/"))),
    ],
    [
      "a checkpoint without a valid signature",
      edit(/^head$/, (text) =>
        text.replace(/(sealane\.ledger\/conformance \S{20})(.)/, (_, before, at) => before + (at === "/" ? "+" : "/")),
      ),
    ],
    ["a newer format", edit(/^format$/, () => "2")],
  ])("%s", async (_name, change) => {
    expect(await damaged(change)).toMatchObject({ code: "ERR_LEDGER_CORRUPT" });
  });

  test("a changed inner Merkle node gives no proof", async () => {
    const { sequencer, replicas, store } = await founded([a]);
    await sequencer.ledger.submit([0, 1, 2, 3, 4, 5].map((at) => anchor(founder, at)));
    store.data.set("node/02/0000000000000000", "A".repeat(43));
    await expect(sequencer.ledger.prove(7)).rejects.toMatchObject({ code: "ERR_LEDGER_CORRUPT" });
    await closeAll(...replicas, sequencer.ledger);
  });
});

describe("two histories", () => {
  test("a sequencer restored from an old backup stops before it signs a second history", async () => {
    const { sequencer, replicas, store, stores } = await founded([a]);
    const backup = store.after(store.batches.length);
    await sequencer.ledger.submit([anchor(founder, 0)]);
    await closeAll(...replicas, sequencer.ledger);
    const restored = await sequence(backup, { quorumTimeoutMs: 100_000 });
    const submitted = restored.ledger.submit([anchor(founder, 0, 9)]).catch((error: unknown) => error);
    const replica = await replicate(a, restored.api, { store: stores[0]!.after(stores[0]!.batches.length) });
    expect(await submitted).toMatchObject({ code: "ERR_LEDGER_CORRUPT" });
    expect((await restored.ledger.status()).height).toBe(2);
    await closeAll(replica, restored.ledger);
  });

  /** Two sequencers with the same key whose logs differ from the third record on. */
  async function forked() {
    const honest = await founded([]);
    await honest.sequencer.ledger.submit([anchor(founder, 0)]);
    const twin = await sequence(memoryStore());
    await twin.ledger.submit([founding(founder)]);
    await twin.ledger.submit([admission(founder, testMember("z"))]);
    await twin.ledger.submit([anchor(founder, 0, 7), anchor(founder, 7, 8)]);
    return { honest: honest.sequencer, twin };
  }

  test("a replica that is shown another history keeps the evidence, raises it and goes no further", async () => {
    const { honest, twin } = await forked();
    const store = memoryStore();
    const first = await replicate(testMember("observer"), honest.api, { store });
    await caughtUp(first, 2);
    await first.close();
    const raised: ForkEvidence[] = [];
    const mute: SequencerApi = { ...twin.api, present: async () => {} };
    const onFork = (evidence: ForkEvidence) => raised.push(evidence);
    const second = await replicate(testMember("observer"), mute, { store, onFork });
    while (raised.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(raised[0]?.held).toMatch(/^sealane\.ledger\/conformance\n2\n/);
    expect(raised[0]?.shown).toMatch(/^sealane\.ledger\/conformance\n4\n/);
    await expect(second.submit([anchor(founder, 9)])).rejects.toMatchObject({ code: "ERR_LEDGER_FORK" });
    expect(await second.status()).toMatchObject({ height: 2, reachable: false, halted: "ERR_LEDGER_FORK" });
    await closeAll(second, honest.ledger, twin.ledger);
    await expect(replicate(testMember("observer"), honest.api, { store })).rejects.toMatchObject({
      code: "ERR_LEDGER_FORK",
    });
  });

  test("a sequencer that is shown another history under its own key stops", async () => {
    const { honest, twin } = await forked();
    const checkpoint = (await collectBatches(twin.api)).find(({ from }) => from === 1)?.checkpoint;
    await expect(honest.api.present({ member: "a", checkpoint })).rejects.toMatchObject({ code: "ERR_LEDGER_FORK" });
    await expect(honest.ledger.submit([anchor(founder, 1)])).rejects.toMatchObject({ code: "ERR_LEDGER_FORK" });
    await closeAll(honest.ledger, twin.ledger);
  });

  const tampered: readonly (readonly [string, (api: SequencerApi) => SequencerApi["batches"]])[] = [
    [
      "an altered entry",
      (api) => async (query) =>
        (await api.batches(query)).map((batch) => ({
          ...batch,
          entries: batch.entries.map((entry) => ({ ...entry, time: "2099-01-01T00:00:00.000Z" })),
        })),
    ],
    [
      "a missing entry",
      (api) => async (query) =>
        (await api.batches(query)).map((batch) => ({ ...batch, entries: batch.entries.slice(1) })),
    ],
    [
      "another order",
      (api) => async (query) =>
        (await api.batches(query)).map((batch) => ({ ...batch, entries: [...batch.entries].reverse() })),
    ],
    [
      "a checkpoint by a stranger",
      (api) => async (query) =>
        (await api.batches(query)).map((batch) => ({
          ...batch,
          checkpoint: batch.checkpoint.replace(/(\u2014 \S+ )\S+/, "$1AAAAAAAAAAA="),
        })),
    ],
  ];
  test.each(tampered)("%s on the way is not adopted, and not taken for a fork", async (_name, tamper) => {
    const { sequencer } = await founded([]);
    await sequencer.ledger.submit([anchor(founder, 0), anchor(founder, 1)]);
    const troubles: unknown[] = [];
    const raised: ForkEvidence[] = [];
    const store = memoryStore();
    const api = { ...sequencer.api, batches: tamper(sequencer.api) };
    const replica = await replicate(testMember("observer"), api, {
      store,
      onTrouble: (error) => troubles.push(error),
      onFork: (evidence) => raised.push(evidence),
    });
    while (troubles.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(raised).toEqual([]);
    await replica.close();
    const healed = await replicate(testMember("observer"), sequencer.api, { store });
    await caughtUp(healed, 3);
    await closeAll(healed, sequencer.ledger);
  });

  async function collectBatches(api: SequencerApi) {
    return api.batches({ from: 0, limit: 100, waitMs: 0 });
  }
});

describe("outbox", () => {
  const unreachable: SequencerApi = new Proxy({} as SequencerApi, {
    get: () => async () => {
      throw Object.assign(new Error("connection refused"), { code: "ECONNREFUSED" });
    },
  });

  test("what cannot be delivered is kept over restarts and delivered later", async () => {
    const { sequencer, replicas, stores } = await founded([a]);
    await sequencer.ledger.submit([anchor(founder, 0)]);
    await closeAll(...replicas);
    const store = stores[0]!;
    const cut = await replicate(a, unreachable, { store, submitTimeoutMs: 30 });
    const transactions = [anchor(a, 0), anchor(a, 1)];
    await expect(cut.submit(transactions)).rejects.toMatchObject({ code: "ERR_LEDGER_UNREACHABLE" });
    await expect(cut.submit(transactions)).rejects.toMatchObject({ code: "ERR_LEDGER_UNREACHABLE" });
    expect(await cut.status()).toMatchObject({ outbox: 2, reachable: false });
    await cut.close();
    const back = await replicate(a, sequencer.api, { store: store.after(store.batches.length) });
    await caughtUp(back, 5);
    expect(await back.get(keys.access("a"))).toMatchObject({ to: 2 });
    while ((await back.status()).outbox > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await closeAll(back, sequencer.ledger);
  });

  test("a rejection that nobody waits for any more is reported", async () => {
    const { sequencer, replicas, stores } = await founded([a]);
    await closeAll(...replicas);
    const cut = await replicate(a, unreachable, { store: stores[0]!, submitTimeoutMs: 30 });
    await expect(cut.submit([anchor(a, 7)])).rejects.toMatchObject({ code: "ERR_LEDGER_UNREACHABLE" });
    await cut.close();
    const rejected = await new Promise<unknown>((resolve) => {
      void replicate(a, sequencer.api, { store: stores[0]!, onRejected: (_, error) => resolve(error) });
    });
    expect(rejected).toMatchObject({ rejection: { code: "ERR_CONTRACT_RANGE" } });
    await sequencer.ledger.close();
  });

  test("a full outbox refuses", async () => {
    const { sequencer, replicas, stores } = await founded([a]);
    await closeAll(...replicas);
    const cut = await replicate(a, unreachable, { store: stores[0]!, submitTimeoutMs: 30, maxOutbox: 1 });
    await expect(cut.submit([anchor(a, 0), anchor(a, 1)])).rejects.toMatchObject({ code: "ERR_LEDGER_FULL" });
    expect((await cut.status()).outbox).toBe(0);
    await closeAll(cut, sequencer.ledger);
  });
});
