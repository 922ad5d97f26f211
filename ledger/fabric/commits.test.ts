import { peer } from "@hyperledger/fabric-protos";
import { afterEach, expect, test } from "vitest";
import { type Commits, watchCommits } from "./commits.ts";
import { type CommitResult, commitResult } from "./gateway.ts";

let commits: Commits;
afterEach(() => commits.close());

function filtered(number: number, ...transactions: readonly (readonly [string, number])[]): peer.FilteredBlock {
  const block = new peer.FilteredBlock();
  block.setNumber(number);
  block.setFilteredTransactionsList(
    transactions.map(([id, code]) => {
      const one = new peer.FilteredTransaction();
      one.setTxid(id);
      one.setTxValidationCode(code as never);
      return one;
    }),
  );
  return block;
}

/** A peer of seven blocks whose streams are opened by hand. */
function scripted(recorded: Readonly<Record<string, CommitResult>> = {}) {
  const opened: { readonly from: number; give(block: peer.FilteredBlock): void; fail(): void }[] = [];
  const asked: string[] = [];
  commits = watchCommits({
    height: async () => 7,
    async *blocks(from) {
      const waiting: (peer.FilteredBlock | Error)[] = [];
      let wake: () => void = () => undefined;
      const put = (one: peer.FilteredBlock | Error) => {
        waiting.push(one);
        wake();
      };
      opened.push({ from, give: put, fail: () => put(new Error("14 UNAVAILABLE")) });
      for (;;) {
        const next = waiting.shift();
        if (next instanceof Error) throw next;
        if (next !== undefined) yield next;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
    async find(id) {
      asked.push(id);
      return recorded[id];
    },
  });
  return { opened, asked };
}
const NEW = { timeoutMs: 60_000, isOld: false };
const OLD = { timeoutMs: 60_000, isOld: true };

test("a transaction ends with the code and the number of its block, and nobody looks it up", async () => {
  const { opened, asked } = scripted();
  const first = commits.ended("first", NEW);
  await expect.poll(() => opened).toHaveLength(1);
  // The one that waits while the stream opens may be in a block before it.
  expect(asked).toEqual(["first"]);
  const [valid, invalid] = [commits.ended("valid", NEW), commits.ended("invalid", NEW)];
  opened[0]!.give(filtered(7, ["invalid", 11], ["another", 0], ["first", 0]));
  opened[0]!.give(filtered(8, ["valid", 0]));
  expect(await Promise.all([first, valid, invalid])).toEqual([
    commitResult(0, 7),
    { code: 0, name: "VALID", block: 8 },
    { code: 11, name: "MVCC_READ_CONFLICT", block: 7 },
  ]);
  expect(opened[0]!.from).toBe(7);
  expect(asked).toEqual(["first"]);
});

test("one that was in a block before anybody followed is found by its id", async () => {
  scripted({ old: commitResult(0, 3) });
  expect(await commits.ended("old", OLD)).toEqual(commitResult(0, 3));
});

test("one that was handed in before is looked up while blocks are followed", async () => {
  const { opened } = scripted({ old: commitResult(0, 5) });
  const first = commits.ended("first", NEW);
  await expect.poll(() => opened).toHaveLength(1);
  expect(await commits.ended("old", OLD)).toEqual(commitResult(0, 5));
  opened[0]!.give(filtered(7, ["first", 0]));
  await first;
});

test("a stream that breaks is opened again, and what may have come meanwhile is looked up", async () => {
  const recorded: Record<string, CommitResult> = {};
  const { opened } = scripted(recorded);
  const waiting = commits.ended("meanwhile", NEW);
  await expect.poll(() => opened).toHaveLength(1);
  recorded.meanwhile = commitResult(0, 6);
  opened[0]!.fail();
  expect(await waiting).toEqual(commitResult(0, 6));
});

test("a call that is in no block in time says so, and so does one whose connection is closed", async () => {
  scripted();
  await expect(commits.ended("late", { timeoutMs: 1, isOld: false })).rejects.toThrow("4 DEADLINE_EXCEEDED");
  const cut = commits.ended("cut", NEW);
  commits.close();
  await expect(cut).rejects.toThrow("1 CANCELLED");
});
