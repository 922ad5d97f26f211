import { describe, expect, test } from "vitest";
import { memoryRecords } from "../peer/_memory-records.ts";
import { createOpenProcesses, MOST_OPEN, MOST_OPEN_BYTES } from "./open-processes.ts";

const about = (pid: string, peer = "beta") => ({ pid, peer, first: "digest" });
const opened = () => createOpenProcesses(memoryRecords());

describe("processes that a participant has begun here", () => {
  test("are so many at most, and another participant has places of its own", () => {
    const open = opened();
    for (let at = 0; at < MOST_OPEN; at += 1) expect(open.takePlace(about(`p-${at}`))).toBe(true);
    expect(open.takePlace(about("more"))).toBe(false);
    expect(open.takePlace(about("more", "gamma"))).toBe(true);
    open.leavePlace(about("p-7"));
    expect(open.takePlace(about("more"))).toBe(true);
  });

  test("take so many bytes at most: none begins or grows beyond them, and what shrinks or ends makes room", async () => {
    const open = opened();
    const half = MOST_OPEN_BYTES / 2;
    for (const pid of ["a", "b"]) {
      expect(open.takePlace(about(pid))).toBe(true);
      expect(open.fits(about(pid), half)).toBe(true);
      open.count(about(pid), half);
    }
    expect(open.takePlace(about("c"))).toBe(false);
    expect(open.fits(about("a"), half + 1)).toBe(false);
    expect(open.fits(about("a", "gamma"), half + 1)).toBe(true);
    expect(open.fits(about("a"), half)).toBe(true);
    open.count(about("a"), half - 1);
    expect(open.takePlace(about("c"))).toBe(true);
    expect(open.fits(about("c"), 2)).toBe(false);
    await open.unmark("b", "beta");
    expect(open.fits(about("c"), half)).toBe(true);
  });

  test("that this side has begun are not counted", () => {
    const open = opened();
    open.count({ pid: "ours", peer: "beta" }, MOST_OPEN_BYTES);
    expect(open.takePlace(about("theirs"))).toBe(true);
  });
});
