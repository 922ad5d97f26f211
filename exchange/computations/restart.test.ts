import { describe, expect, test } from "vitest";
import { goneWithout } from "./restart.ts";

const names = (from: number, count: number) => Array.from({ length: count }, (_, i) => `m${from + i}`);

describe("a restart", () => {
  test("goes without the members that the coordinator missed", () => {
    const failures = [{ absent: ["m3", "m9"] }, {}, { absent: ["m4"] }];
    expect([...goneWithout(130, failures)]).toEqual(["m3", "m9", "m4"]);
    expect(goneWithout(130, []).size).toBe(0);
  });

  test("lets no coordinator choose the cohort: a twentieth of the first one at most, over all restarts", () => {
    expect(goneWithout(1000, [{ absent: names(0, 51) }]).size).toBe(0);
    const failures = [{ absent: names(0, 50) }, { absent: names(50, 50) }, { absent: names(100, 1) }];
    expect([...goneWithout(1000, failures)]).toEqual(names(0, 50));
    expect(goneWithout(19, [{ absent: ["m0"] }]).size).toBe(0);
  });
});
