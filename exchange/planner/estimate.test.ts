/** Estimates against runs of the protocol in memory. Whole nodes: nodes/computations/planning.slow.test.ts. */
import { expect, test } from "vitest";
import { createNetwork, names } from "../../crypto/secagg/_network.ts";
import { SUITE_IDS, type SuiteId } from "../../crypto/suites/suite.ts";
import { estimateRun, type RunShape } from "./estimate.ts";

const shapeOf = (changes: Partial<RunShape>): RunShape => ({
  suite: "intl",
  cells: "registry",
  members: 11,
  atoms: 1,
  words: 1,
  documents: 0,
  terms: 0,
  ...changes,
});

/** Characters that members sent and got, and R got. */
function measured({ suite, cells, members: n, atoms }: RunShape) {
  const members = names(n);
  const network = createNetwork({
    members,
    mode: cells,
    dimensions: [{ name: "all", size: atoms }],
    values: Object.fromEntries(members.map((id, i) => [id, Array.from({ length: atoms }, () => [BigInt(i + 1)])])),
    constants: { colluders: 0, minimumOrganisations: 3, need: 3, drops: 0 },
    opened: { suite },
    sharing: true,
  });
  network.run();
  expect(network.decoded?.survivors).toHaveLength(n);
  const sizes = { sent: 0, received: 0, transcript: 0 };
  for (const { to, message } of network.sent) {
    const size = JSON.stringify(message).length;
    if (message.type === "result-2") sizes.transcript += size;
    else if (members.includes(to)) sizes.received += message.type === "documents" ? 0 : size;
    else sizes.sent += size;
  }
  return { sent: sizes.sent / n, received: sizes.received / n, transcript: sizes.transcript };
}

const within = (share: number, given: number, wanted: number, what: string) => {
  expect(given, what).toBeGreaterThan(wanted / share);
  expect(given, what).toBeLessThan(wanted * share);
};

test.each<readonly [SuiteId, RunShape["cells"], number, number]>([
  ["intl", "registry", 5, 1],
  ["intl", "counted", 11, 3],
  ["intl", "counted", 7, 2_000],
  ["intl", "registry", 40, 1],
  ["intl-pq", "registry", 7, 1],
  ["intl-pq", "counted", 20, 5],
  ["gm", "counted", 4, 1],
])("bytes of a run in suite %s, cells %s, %i members, %i cells", (suite, cells, members, atoms) => {
  const shape = shapeOf({ suite, cells, members, atoms, words: atoms });
  const run = measured(shape);
  const { bytes } = estimateRun(shape, 1);
  within(1.15, bytes.member.sent, run.sent, "sent");
  within(1.15, bytes.member.received, run.received, "received");
  // A whole node's transcript has accepts and views beside the message for R.
  within(2, bytes.receiver, run.transcript, "transcript");
});

test("more members, cells, suites and encryption never cost less", () => {
  for (const suite of SUITE_IDS) {
    for (const cells of ["registry", "counted"] as const) {
      const base = shapeOf({ suite, cells });
      const costs = (changes: Partial<RunShape>) => estimateRun({ ...base, ...changes }, 1);
      const { bytes, seconds } = costs({});
      for (const more of [
        { members: 12 },
        { atoms: 2, words: 2 },
        { parameters: "bfv-4096-104-75" },
        { documents: 1_000 },
      ]) {
        expect(costs(more).bytes.total).toBeGreaterThan(bytes.total);
        expect(costs(more).seconds.total).toBeGreaterThanOrEqual(seconds.total);
      }
    }
  }
  expect(estimateRun(shapeOf({}), 3).seconds.total).toBeCloseTo(3 * estimateRun(shapeOf({}), 1).seconds.total);
});

test("beyond 129 members the cost of each grows no longer by shares and masks", () => {
  const sent = (members: number) => estimateRun(shapeOf({ members }), 1).bytes.member.sent;
  expect(sent(1_000)).toBe(sent(129));
  expect(estimateRun(shapeOf({ members: 1_000 }), 1).seconds.member).toBeLessThan(
    1.01 * estimateRun(shapeOf({ members: 129 }), 1).seconds.member,
  );
});
