/** Evidence of joins: verified offline as it is, and not once anything in it is another. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SILENT } from "../../ledger/audit/check-joins.ts";
import type { JoinEvidence } from "../../ledger/audit/join-bundle.ts";
import { verifyEvidence } from "../../ledger/audit/verify.ts";
import { DEFAULTS } from "../../policies/model/terms.ts";
import { createJoined, type Joined, LIST, SUMS } from "./_joined.ts";

type Body = JoinEvidence["body"];
/** A bundle that a test changes. */
type Open<T> = T extends object ? { -readonly [K in keyof T]: Open<T[K]> } : T;

let joined: Joined;
let trust: unknown;
const bundles: Record<string, JoinEvidence> = {};

beforeAll(async () => {
  joined = await createJoined({
    operations: ["intersection", "cardinality", "statistics"],
    leastItems: 20,
    minimumGroup: 5,
    runs: 2,
  });
  const few = LIST.slice(40, 64).map(({ item }) => ({ item }));
  for (const operation of ["intersection", "cardinality", "statistics"] as const) {
    const isSum = operation === "statistics";
    const labels = isSum ? { labels: ["north", "south"] } : {};
    const request = await joined.ask({ operation, ...labels }, isSum ? { query: SUMS } : {});
    await joined.run(request, isSum ? LIST : undefined);
    if (operation === "cardinality") await joined.run(request, few);
    bundles[operation] = await joined.network.call<JoinEvidence>(
      "ministry",
      "GET",
      `/api/v1/requests/${request}/joins/evidence`,
    );
  }
  trust = await joined.network.call("bureau", "GET", "/api/v1/trust");
});
afterAll(async () => {
  await joined[Symbol.asyncDispose]();
});

const failedIn = (bundle: unknown) =>
  verifyEvidence(bundle, trust)
    .checks.filter(({ status }) => status === "failed")
    .map(({ id }) => id);
function changed(operation: string, change: (body: Open<Body>) => void): readonly string[] {
  const bundle = structuredClone(bundles[operation]!) as Open<JoinEvidence>;
  change(bundle.body);
  return failedIn(bundle);
}
const sums = (body: Open<Body>) => body.runs[0]!.sums!;
const told = (body: Open<Body>) =>
  body.runs[0]!.release!.statement.told as unknown as { keys: number; answer?: string };

test.each(["intersection", "cardinality", "statistics"])(
  "of %s is verified, and says what it cannot show",
  (operation) => {
    const report = verifyEvidence(bundles[operation], trust);
    expect([report.verdict, failedIn(bundles[operation])]).toEqual(["verified", []]);
    expect(report.unverifiable).toEqual(["joined-lists", "joined-match", "joined-names"]);
    const looked = report.checks.filter(({ id }) => ["joins", "join-limit", "join-figures"].includes(id));
    expect(looked.map(({ status }) => status)).toEqual(["passed", "passed", "passed"]);
  },
);

describe("is refused", () => {
  test.each<[string, string, string, (body: Open<Body>) => void]>([
    ["another number of common keys", "cardinality", "joins", (body) => (told(body).keys += 1)],
    ["another answer", "intersection", "joins", (body) => (told(body).answer = "A".repeat(43))],
    ["a run that was told and is not shown", "cardinality", "joins", (body) => delete body.runs[0]!.release],
    ["a run that is left out", "cardinality", "joins", (body) => body.runs.shift()],
    [
      "a run under another number",
      "cardinality",
      "transaction-signatures",
      (body) => {
        body.runs[0]!.opened.transaction.statement.body.number = 2;
      },
    ],
    [
      "another length of a list",
      "cardinality",
      "transaction-signatures",
      (body) => {
        body.runs[0]!.committed!.transaction.statement.body.size += 1;
      },
    ],
    ["a run without the provider's commitment", "cardinality", "joins", (body) => delete body.runs[0]!.committed],
    [
      "an opened sum that is another",
      "statistics",
      "join-figures",
      (body) => {
        sums(body).opened[0]!.sums[0] = "1";
      },
    ],
    ["a group of another size", "statistics", "join-figures", (body) => (sums(body).opened[0]!.rows += 1)],
    ["another seed", "statistics", "join-figures", (body) => (sums(body).seed = "A".repeat(43))],
    [
      "another row in a group",
      "statistics",
      "join-figures",
      (body) => {
        const { rows } = sums(body).matched.statement.groups[0]!;
        sums(body).matched.statement.groups[0]!.rows = `${rows.startsWith("A") ? "B" : "A"}${rows.slice(1)}`;
      },
    ],
    [
      "other masked sums",
      "statistics",
      "join-figures",
      (body) => {
        const [group] = sums(body).matched.statement.groups;
        group!.sums = `${group!.sums[0] === "A" ? "B" : "A"}${group!.sums.slice(1)}`;
      },
    ],
    [
      "a policy with a larger minimum",
      "cardinality",
      "policy-versions",
      (body) => {
        const text = JSON.stringify(body.policies).replace('"rightOperand":"5"', '"rightOperand":"500"');
        body.policies = JSON.parse(text);
      },
    ],
    [
      "a policy with larger cells",
      "cardinality",
      "join-figures",
      (body) => {
        const text = JSON.stringify(body.policies);
        const [stated] = /"leftOperand":"sealane:minimumUnits","operator":"gteq","rightOperand":"0"/.exec(text)!;
        body.policies = JSON.parse(text.replace(stated, stated.replace('"0"', '"500"')));
      },
    ],
    [
      "an agreement on more runs",
      "cardinality",
      "join-limit",
      (body) => {
        body.agreements[0]!.record.transaction.statement.body.joinRuns = 9;
      },
    ],
  ])("%s", (_what, operation, check, change) => {
    expect(changed(operation, change)).toContain(check);
  });
});

test("where a policy is silent, its terms and the audit say the same", () => {
  const { joinRuns, joinLeastItems, joinMostItems, joinMinimumGroup } = DEFAULTS;
  expect(SILENT).toEqual({
    runs: joinRuns,
    leastItems: joinLeastItems,
    mostItems: joinMostItems,
    minimumGroup: joinMinimumGroup,
  });
});
