/** Totals of a table in one result, under a rule about the largest contributors, to the offline verifier. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ResultDocument } from "../../ledger/audit/result.ts";
import { verifyEvidence } from "../../ledger/audit/verify.ts";
import { exportTrust } from "../runtime/network/trust.ts";
import { createNetwork, type Network, ROWS, SUM_BY_YEAR } from "./_network.ts";

let network: Network;
beforeAll(async () => {
  network = await createNetwork({ within: { "2024": "plan", "2025": "plan" } });
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
});

const TABLE = { ...SUM_BY_YEAR, totals: true };

test("a table by year comes with its levels and its total, which the offline verifier adds up again", async () => {
  const request = await network.submit({ query: TABLE });
  await network.state(request, ["released"]);
  const { outcome } = await network.call<{ outcome: { document: ResultDocument } }>(
    "ministry",
    "GET",
    `/api/v1/requests/${request}/result`,
  );
  const years = ["2024", "2025"];
  const plain = (of: readonly string[]) =>
    Object.values(ROWS)
      .flat()
      .filter(([year]) => of.includes(year))
      .reduce((sum, [, output]) => sum + Math.round(Number(output) * 10), 0) / 10;
  expect(outcome.document.cells.map(({ group, value }) => [group, Number(value)])).toEqual([
    ...years.map((year) => [{ year }, plain([year])]),
    [{ year: "plan" }, plain(years)],
    [{}, plain(years)],
  ]);
  const evidence = await network.call<{ body: { outcome: { result: { document: ResultDocument } } } }>(
    "ministry",
    "GET",
    `/api/v1/requests/${request}/evidence`,
  );
  const trust = await exportTrust(network.net.node("ministry").services);
  expect(verifyEvidence(evidence, trust).verdict).toBe("verified");
  const { cells } = evidence.body.outcome.result.document;
  const codes = () =>
    verifyEvidence(evidence, trust).checks.flatMap((one) =>
      one.status === "failed" ? one.problems.map(({ code }) => code) : [],
    );
  for (const at of [2, 3]) {
    const kept = cells[at]!;
    cells[at] = { ...kept, value: String(Number(kept.value) + 1) };
    expect(codes()).toContain("total-differs");
    cells[at] = { ...kept, group: { year: "decade" } };
    expect(codes()).toContain("shape");
    cells[at] = kept;
  }
  expect(codes()).not.toContain("shape");
  cells.pop();
  expect(codes()).toContain("shape");
});

test("totals of what does not add up are refused as they are asked for, by the field", async () => {
  const measures = [{ id: "n", statistic: { kind: "count" } }];
  await expect(network.submit({ query: { ...TABLE, measures } })).rejects.toThrow("totals-not-additive");
  await expect(network.submit({ query: { ...TABLE, groupBy: [] } })).rejects.toThrow("totals-need-dimensions");
});
