import { expect, test } from "vitest";
import type { Asset } from "../../policies/model/asset.ts";
import { type Candidate, selectCohort } from "./cohort.ts";

const candidate = (
  member: string,
  change: Partial<Candidate> & { domain?: string; slug?: string } = {},
): Candidate => ({
  member,
  holdingGroup: member,
  active: true,
  usesLeft: true,
  agreement: `agreement-${member}`,
  policy: {} as Candidate["policy"],
  asset: { id: `${member}:${change.slug ?? "panel"}`, unitDomain: change.domain ?? member } as Asset,
  ...change,
});

test("one organisation per holding group takes part, ascending by member", () => {
  const { members, leftOut } = selectCohort(
    [candidate("gamma"), candidate("beta", { holdingGroup: "alpha" }), candidate("alpha")],
    new Set(),
  );
  expect(members.map(({ member }) => member)).toEqual(["alpha", "gamma"]);
  expect(leftOut).toEqual([{ asset: "beta:panel", reason: "group-already-represented" }]);
});

test("the groups of coordinator, receiver, requester and sequencer stay out", () => {
  const { members, leftOut } = selectCohort([candidate("alpha"), candidate("beta")], new Set(["beta"]));
  expect(members.map(({ member }) => member)).toEqual(["alpha"]);
  expect(leftOut).toEqual([{ asset: "beta:panel", reason: "group-holds-a-role" }]);
});

test("suspended members and equal populations stay out", () => {
  const { leftOut } = selectCohort(
    [
      candidate("alpha", { domain: "same" }),
      candidate("beta", { domain: "same" }),
      candidate("delta", { active: false }),
    ],
    new Set(),
  );
  expect(leftOut).toEqual([
    { asset: "beta:panel", reason: "unit-domain-overlap" },
    { asset: "delta:panel", reason: "member-inactive" },
  ]);
});

test("the order in which agreements came decides nothing", () => {
  const all = ["delta", "alpha", "beta", "gamma"].map((member) => candidate(member));
  expect(selectCohort(all, new Set())).toEqual(selectCohort(all.toReversed(), new Set()));
});

test("who has no use left stays out, and of its group and population another one takes part", () => {
  const { members, leftOut } = selectCohort(
    [
      candidate("alpha", { usesLeft: false, holdingGroup: "one" }),
      candidate("beta", { holdingGroup: "one" }),
      candidate("delta", { usesLeft: false, holdingGroup: "two" }),
      candidate("gamma", { usesLeft: false }),
    ],
    new Set(["two"]),
  );
  expect(members.map(({ member }) => member)).toEqual(["beta"]);
  expect(leftOut).toEqual([
    { asset: "alpha:panel", reason: "uses-exhausted" },
    { asset: "delta:panel", reason: "group-holds-a-role" },
    { asset: "gamma:panel", reason: "uses-exhausted" },
  ]);
});
