/** Which transfers a record of the ledger wakes. */
import { expect, test } from "vitest";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import type { LedgerEntry } from "../../ledger/port.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import type { KeptAgreement } from "./agreements.ts";
import { createOpenReleases, subjectOf } from "./open-releases.ts";

const moving = (pid: string, peer: string, agreement: string, change: Partial<Transfer> = {}, role = "provider") =>
  ({
    ...{ pid, peer, address: "" },
    side: { role, document: { state: "STARTED", agreementId: `urn:uuid:${agreement}`, ...change } },
  }) as never;

async function world() {
  const agreements = memoryRecords<KeptAgreement>();
  for (const [id, target] of Object.entries({ a1: "alpha:one", a2: "alpha:one", b1: "alpha:two" })) {
    await agreements.put(id, { agreement: { target, "sealane:validUntil": `until-${id}` } } as KeptAgreement);
  }
  const open = createOpenReleases({ member: "alpha", agreements });
  await open.moved(moving("t1", "beta", "a1"));
  await open.moved(moving("t2", "beta", "a1", { state: "REQUESTED" }));
  await open.moved(moving("t3", "gamma", "a2"));
  await open.moved(moving("t4", "gamma", "b1"));
  await open.moved(moving("ours", "beta", "a1", {}, "consumer"));
  const woken = (type: string, body: object) => {
    const subject = subjectOf({ statement: { type, body } } as unknown as LedgerEntry["transaction"]);
    return subject === undefined ? [] : open.concernedBy(subject);
  };
  return { open, woken };
}
const expelled = (member: string, choice = "for") => ({ proposal: { kind: "expel-member", member }, choice });

test.each([
  ["agreement.revoke", { agreement: "a1" }, ["t1", "t2", "ours"]],
  ["agreement.revoke", { agreement: "other" }, []],
  ["asset.register", { asset: "alpha:one" }, ["t1", "t2", "t3", "ours"]],
  ["asset.withdraw", { asset: "alpha:two" }, ["t4"]],
  ["policy.activate", { asset: "beta:one" }, []],
  ["member.suspend", { member: "gamma" }, ["t3", "t4"]],
  ["member.suspend", { member: "alpha" }, ["t1", "t2", "t3", "t4", "ours"]],
  ["vote.cast", expelled("beta"), ["t1", "t2", "ours"]],
  ["vote.cast", expelled("beta", "against"), []],
  ["vote.cast", { proposal: { kind: "replace-sequencer", sequencer: "beta" }, choice: "for" }, []],
  ["access.anchor", { from: 0, to: 1 }, []],
])("%s %j wakes %j", async (type, body, pids) => {
  expect((await world()).woken(type, body)).toEqual(pids);
});

test("what is over is woken no more, and says so once", async () => {
  const { open, woken } = await world();
  const over = moving("t1", "beta", "a1", { state: "COMPLETED" });
  expect([await open.moved(over), await open.moved(over)]).toEqual(["over", "none"]);
  expect(woken("agreement.revoke", { agreement: "a1" })).toEqual(["t2", "ours"]);
  expect(open.agreements()).toEqual(new Set(["a1", "a2", "b1"]));
  await open.moved(moving("t2", "beta", "a1", { state: "TERMINATED" }));
  expect(open.agreements()).toEqual(new Set(["a2", "b1"]));
});

test("moves of one transfer count in their order, and a start waits until all are in", async () => {
  const { open } = await world();
  void open.moved(moving("t5", "beta", "b1"));
  void open.moved(moving("t5", "beta", "b1", { state: "TERMINATED" }));
  void open.moved(moving("t6", "beta", "b1"));
  await open.settled();
  expect([open.get("t5"), open.get("t6")?.validUntil]).toEqual([undefined, "until-b1"]);
});
