import { describe, expect, test } from "vitest";
import { smallWorld } from "./_adversary.ts";
import { createNetwork } from "./_network.ts";
import { assertConstants, assertOpening, constantsFor, twoThirds } from "./constants.ts";
import type { Opened, Parties } from "./opened.ts";

test("t = q = ⌊2n/3⌋+1, d = ⌊n/20⌋, need = max(m, 3 + c)", () => {
  expect(constantsFor({ members: 11 })).toEqual({
    members: 11,
    threshold: 8,
    quorum: 8,
    minimumOrganisations: 5,
    minimumUnits: 0,
    colluders: 1,
    drops: 0,
    need: 5,
  });
  expect(constantsFor({ members: 100, minimumOrganisations: 3, colluders: 4 })).toMatchObject({ drops: 5, need: 7 });
  expect([3, 4, 5, 6, 7, 129].map(twoThirds)).toEqual([3, 3, 4, 5, 5, 87]);
});

test("cohorts of 3 or 4 need c = 0", () => {
  for (const members of [3, 4]) {
    expect(() => constantsFor({ members, minimumOrganisations: 3 })).toThrow(/colluders/);
    expect(constantsFor({ members, minimumOrganisations: 3, colluders: 0 }).need).toBe(3);
  }
  expect(() => constantsFor({ members: 2, colluders: 0, minimumOrganisations: 2 })).toThrow(/at least 3/);
});

test("constants that do not follow from n and the minima are refused", () => {
  const good = constantsFor({ members: 9 });
  expect(() => assertConstants({ ...good, threshold: 6 }, 9)).toThrow(/threshold: wanted 7, got 6/);
  expect(() => assertConstants({ ...good, quorum: 5 }, 9)).toThrow(/quorum/);
  expect(() => assertConstants({ ...good, need: 4 }, 9)).toThrow(/need: wanted/);
  expect(() => assertConstants(good, 10)).toThrow(/members/);
  expect(() => constantsFor({ members: 5, minimumOrganisations: 6 })).toThrow(/no cell can hold/);
});

describe("every party checks the opening", () => {
  const { opened, parties } = createNetwork(smallWorld(5));
  const cases: readonly [string, Partial<Opened>, Partial<Parties>, RegExp][] = [
    [
      "groups of C, R, requester and sequencer are not in the cohort",
      {},
      { groups: { ...parties.groups, sequencer: "group-m001" } },
      /holding group of sequencer/,
    ],
    ["R is not C", {}, { groups: { ...parties.groups, receiver: "group-coordinator" } }, /differ from the coordinator/],
    [
      "C may be the sequencer only where policy allows it",
      {},
      { groups: { ...parties.groups, sequencer: "group-coordinator" } },
      /to be the sequencer/,
    ],
    [
      "in reviewed mode requester and R are different groups",
      {},
      { groups: { ...parties.groups, requester: "group-receiver" } },
      /different groups/,
    ],
    ["in direct mode R is the requester", { receiverMode: "direct" }, {}, /in direct mode/],
    [
      "direct mode allows one partition dimension",
      {
        receiverMode: "direct",
        cells: {
          mode: "registry",
          dimensions: [
            { name: "a", size: 2 },
            { name: "b", size: 2 },
          ],
        },
      },
      { requester: "receiver" },
      /one partition dimension/,
    ],
    [
      "one node per holding group takes part",
      { cohort: opened.cohort.map((entry) => ({ ...entry, holdingGroup: "g" })) },
      {},
      /one node per holding group/,
    ],
    [
      "the same legal person never reports twice",
      { cohort: opened.cohort.map((entry, i) => (i === 1 ? opened.cohort[0]! : entry)) },
      {},
      /ascend/,
    ],
    ["a named auditor is in another group than C", { auditor: "coordinator" }, {}, /auditor/],
    ["at most three restarts", {}, { restarts: 4 }, /restarts/],
    [
      "R's key is signed by R for this computation",
      {
        receiverKey: {
          ...opened.receiverKey,
          statement: { ...opened.receiverKey.statement, request: opened.computation },
        },
      },
      {},
      /receiverKey/,
    ],
    ["deadlines ascend", { deadlines: { ...opened.deadlines, shares: opened.deadlines.release } }, {}, /deadlines/],
  ];
  test("a good one passes", () => {
    expect(() => assertOpening(opened, parties)).not.toThrow();
  });
  test.each(cases)("%s", (_name, record, people, message) => {
    expect(() => assertOpening({ ...opened, ...record }, { ...parties, ...people })).toThrow(message);
  });
});
