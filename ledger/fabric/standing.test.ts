import { expect, test } from "vitest";
import { LedgerError } from "../port.ts";
import { createStanding } from "./standing.ts";

const fork = new LedgerError("ERR_LEDGER_FORK", "fabric: block 5: the peers' answer is not the contract's");

test("a node is reachable once its replica is level with the peer it follows, and no longer when the peer is gone", () => {
  const standing = createStanding();
  expect(standing.reachable()).toBe(false);
  standing.follows(3);
  for (const block of [0, 1]) {
    standing.holds(block);
    expect(standing.reachable()).toBe(false);
  }
  standing.holds(2);
  expect(standing.reachable()).toBe(true);
  standing.stopped(new LedgerError("ERR_LEDGER_UNREACHABLE", "gone"), 3);
  expect([standing.reachable(), standing.halted()]).toEqual([false, undefined]);
});

test.each(["ERR_LEDGER_FORK", "ERR_LEDGER_CORRUPT"] as const)("%s stands over every new connection", (code) => {
  const standing = createStanding();
  standing.follows(6);
  standing.holds(4);
  const error = new LedgerError(code, "fabric: block 5");
  standing.stopped(error, 5);
  for (const height of [5, 6]) {
    standing.follows(height);
    expect([standing.reachable(), standing.halted()]).toEqual([false, error]);
    standing.stopped(new LedgerError("ERR_LEDGER_UNREACHABLE", "gone"), 5);
    expect(standing.halted()).toBe(error);
  }
});

test("it is lifted by a peer that brings the replica past the block in question, to its own height", () => {
  const standing = createStanding();
  standing.holds(4);
  standing.stopped(fork, 5);
  standing.follows(7);
  standing.holds(5);
  expect([standing.reachable(), standing.halted()]).toEqual([false, fork]);
  standing.holds(6);
  expect([standing.reachable(), standing.halted()]).toEqual([true, undefined]);
});

test("what keeps the replica from being level is said until it is, over every new connection", () => {
  const standing = createStanding();
  const other = new LedgerError("ERR_LEDGER_PROFILE", "other rules");
  standing.holds(4);
  standing.follows(7);
  standing.stopped(other, 5);
  standing.follows(7);
  expect([standing.reachable(), standing.stuck(), standing.halted()]).toEqual([false, other, undefined]);
  standing.holds(6);
  expect([standing.reachable(), standing.stuck()]).toEqual([true, undefined]);
});
