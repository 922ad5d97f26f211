import fc from "fast-check";
import { expect, test } from "vitest";
import { type Activation, approved, dueAt, nextDue, proposed, withdrawn } from "./activation.ts";

const AT = "2026-11-23T00:00:00.000Z";
const LATER = "2026-12-01T00:00:00.000Z";
const one = (persons: number, from = AT, id = "a") =>
  proposed({ id, asset: "alpha:a", policyDigest: "x", from, persons }, "alpha/li", AT);

test("a policy that one person decides on waits for its day alone", () => {
  expect(one(1).state).toBe("scheduled");
  expect(dueAt([one(1, LATER)], AT)).toEqual([]);
  expect(nextDue([one(1, LATER)])).toBe(Date.parse(LATER));
  expect(dueAt([one(1, LATER)], LATER)).toHaveLength(1);
});

test("a policy that two persons decide on is never due before another one has approved", () => {
  const waiting = one(2);
  expect([waiting.state, dueAt([waiting], LATER), nextDue([waiting])]).toEqual(["waiting", [], undefined]);
  expect(approved(waiting, "alpha/li", AT)).toBe("same-person");
  const scheduled = approved(waiting, "alpha/wang", AT) as Activation;
  expect(scheduled).toMatchObject({ state: "scheduled", approvals: [{ by: "alpha/li" }, { by: "alpha/wang" }] });
  expect(approved(scheduled, "alpha/chen", AT)).toBe("enough-persons");
});

test("what is over or under way takes no words", () => {
  const gone = withdrawn(one(2), "alpha/li", AT, "no") as Activation;
  expect(gone.state).toBe("withdrawn");
  const underWay: Activation = { ...one(1), state: "activating", version: 2 };
  for (const activation of [gone, underWay]) {
    expect(approved(activation, "alpha/wang", AT)).toBe("activation-over");
    expect(withdrawn(activation, "alpha/wang", AT, "no")).toBe("activation-over");
    expect(nextDue([activation])).toBeUndefined();
  }
});

test("what was begun is finished first, then each on its day in the order of the days", () => {
  const days = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 8 });
  fc.assert(
    fc.property(days, fc.integer({ min: 0, max: 20 }), (given, today) => {
      const instant = (day: number) => new Date(Date.parse(AT) + day * 86_400_000).toISOString();
      const all = given.map((day, index) => one(1, instant(day), String(index)));
      const begun: Activation = { ...one(1, instant(20), "begun"), state: "activating", version: 3 };
      const due = dueAt([...all, begun], instant(today)).map(({ from, id }) => (id === "begun" ? id : from));
      const wanted = given.filter((day) => day <= today).toSorted((a, b) => a - b);
      expect(due).toEqual(["begun", ...wanted.map(instant)]);
    }),
  );
});
