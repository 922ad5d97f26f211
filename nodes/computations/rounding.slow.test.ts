/** Figures that policies want rounded, from the receiver to the offline verifier. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ResultDocument } from "../../ledger/audit/result.ts";
import { verifyEvidence } from "../../ledger/audit/verify.ts";
import { exportTrust } from "../runtime/network/trust.ts";
import { createNetwork, type Network, SUM_BY_YEAR } from "./_network.ts";

const BASE = 50;
const rounding = [{ base: "10" }, { element: "output-value", base: String(BASE), unit: "CNY" }];
let network: Network;
beforeAll(async () => {
  network = await createNetwork({
    // One of them wants it, and all figures are rounded.
    policy: (member) => ({
      receiverModes: ["reviewed"],
      ...(member === "alpha" ? { output: { rounding } } : {}),
    }),
  });
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
});

const measures = (kind: string) => [{ id: "output", statistic: { kind, element: "output-value" } }];
const TOTAL = { measures: measures("sum"), groupBy: [], filters: [] };
async function released(query: object): Promise<{ readonly request: string; readonly document: ResultDocument }> {
  const request = await network.submit({ query });
  await network.state(request, ["released"]);
  const path = `/api/v1/requests/${request}/result`;
  const { outcome } = await network.call<{ outcome: { document: ResultDocument } }>("ministry", "GET", path);
  return { request, document: outcome.document };
}
const figures = ({ cells }: ResultDocument) => cells.map(({ value }) => Number(value));

test("a table and its total add up, and the offline verifier derives the bases from the policies", async () => {
  const table = await released(SUM_BY_YEAR);
  expect(figures(table.document)).toEqual([20_100, 20_800]);
  expect(table.document.outputRules?.rounding).toEqual(rounding);
  // 40,925.2 by itself would be 40,950.
  const total = await released(TOTAL);
  expect(figures(total.document)).toEqual([40_900]);
  const path = `/api/v1/requests/${total.request}/evidence`;
  const evidence = await network.call<{ body: { outcome: { result: { document: ResultDocument } } } }>(
    "ministry",
    "GET",
    path,
  );
  const trust = await exportTrust(network.net.node("ministry").services);
  expect(verifyEvidence(evidence, trust).verdict).toBe("verified");
  expect(JSON.stringify(evidence)).not.toContain("40925.2");
  evidence.body.outcome.result.document.cells[0]!.value = "40925.2";
  const problems = verifyEvidence(evidence, trust).checks.flatMap((one) =>
    one.status === "failed" ? one.problems.map(({ code }) => code) : [],
  );
  expect(problems).toContain("not-rounded");
});

test("a receiver that starts anew tells the same figures, also of what is asked in another way", async () => {
  await network.net.stop("bureau");
  await network.net.start("bureau");
  const both = { ...SUM_BY_YEAR, measures: [...measures("sum"), { ...measures("mean")[0]!, id: "mean" }] };
  const { document } = await released(both);
  expect(document.cells.filter(({ measure }) => measure === "output").map(({ value }) => value)).toEqual([
    "20100",
    "20800",
  ]);
});

test("what cannot be worked out from rounded sums is refused before anything runs", async () => {
  const request = await network.submit({ query: { ...TOTAL, measures: measures("variance") } });
  const view = await network.state(request, ["cancelled"]);
  expect(JSON.stringify(view)).toContain("rounding-not-possible");
});
