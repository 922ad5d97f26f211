/** Histograms, quantiles and distinct counts through the whole computation, with evidence. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { verifyEvidenceFile } from "../../ledger/audit/verify.ts";
import { createNetwork, type Network, PROVIDERS } from "./_network.ts";

const EDGES = ["0", "100", "1000", "1000000"];
const YEARS = Array.from({ length: 12 }, (_, i) => String(2010 + i));
/** Every provider has a row a year; outputs below 100, below 1,000 and above, never at the same place. */
const ROWS: Record<string, [string, string, string][]> = Object.fromEntries(
  PROVIDERS.map((member, i) => [
    member,
    YEARS.map(
      (year, j) => [year, ["10", "100", "1000"][(i + j) % 3]!.concat(`.${i}`), "1"] as [string, string, string],
    ),
  ]),
);
const outputs = Object.values(ROWS).flatMap((rows) => rows.map(([, output]) => Number(output)));

interface Cell {
  readonly group: Readonly<Record<string, string>>;
  readonly measure: string;
  readonly part?: string;
  readonly value: string | null;
  readonly withheld?: string;
}

let network: Network;
beforeAll(async () => {
  network = await createNetwork({
    rows: ROWS,
    policy: () => ({
      aggregate: { "output-value": ["sum", "histogram", "quantile"], year: ["distinct"] },
      classes: { "output-value": [EDGES] },
      minimumOrganisations: 3,
    }),
  });
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
});

async function released(query: object): Promise<readonly Cell[]> {
  const request = await network.submit({ query });
  expect(await network.state(request, ["released", "withheld", "failed", "cancelled"])).toMatchObject({
    state: "released",
  });
  const { address, token } = network.net.node("ministry");
  const headers = { authorization: `Bearer ${token}` };
  const evidence = await fetch(`${address.api}/api/v1/requests/${request}/evidence`, { headers });
  const trust = await network.call("ministry", "GET", "/api/v1/trust");
  const verdict = verifyEvidenceFile(new Uint8Array(await evidence.arrayBuffer()), trust);
  expect(verdict).toMatchObject({ verdict: "verified" });
  const result = await network.call<{ outcome: { document: { cells: readonly Cell[] } } }>(
    "ministry",
    "GET",
    `/api/v1/requests/${request}/result`,
  );
  return result.outcome.document.cells;
}

test("a histogram by the policy's edges, sums by class and a quantile with its class", async () => {
  const cells = await released({
    measures: [
      { id: "firms", statistic: { kind: "histogram", element: "output-value" } },
      { id: "output", statistic: { kind: "sum", element: "output-value" } },
      { id: "middle", statistic: { kind: "quantile", element: "output-value", probabilities: ["0.5"] } },
    ],
    groupBy: [{ element: "output-value", edges: EDGES }],
    filters: [],
  });
  const inClass = (i: number) => outputs.filter((x) => x >= Number(EDGES[i]) && x < Number(EDGES[i + 1]));
  const of = (measure: string) => cells.filter((cell) => cell.measure === measure).map(({ value }) => value);
  expect(of("firms")).toEqual([0, 1, 2].map((i) => String(inClass(i).length)));
  const tenths = (i: number) => inClass(i).reduce((sum, x) => sum + Math.round(10 * x), 0);
  expect(of("output")).toEqual([0, 1, 2].map((i) => String(tenths(i) / 10)));
  const quantile = cells.filter(({ measure, part }) => measure === "middle" && part !== "rows");
  const median = [...outputs].sort((a, b) => a - b)[Math.ceil(outputs.length / 2) - 1]!;
  const [from, to, estimate] = quantile.map(({ value }) => Number(value)) as [number, number, number];
  expect(quantile.map(({ part, group }) => [part, group])).toEqual(
    ["from", "to", "estimate"].map((part) => [`0.5:${part}`, {}]),
  );
  expect(from <= median && median < to && from <= estimate && estimate <= to).toBe(true);
});

test("distinct values over all organisations, with their error", async () => {
  const query = {
    measures: [{ id: "years", statistic: { kind: "distinct", element: "year" } }],
    groupBy: [],
    filters: [],
  };
  const cells = await released(query);
  expect(cells.map(({ part }) => part)).toEqual(["estimate", "relative-error"]);
  expect(cells[1]!.value).toBe("0.065");
  expect(Math.abs(Number(cells[0]!.value) - YEARS.length)).toBeLessThanOrEqual(2);
});

test("edges of the requester's own are refused by name", async () => {
  const request = await network.submit({
    query: {
      measures: [{ id: "firms", statistic: { kind: "histogram", element: "output-value" } }],
      groupBy: [{ element: "output-value", edges: ["0", "100.5", "1000000"] }],
      filters: [],
    },
  });
  const view = await network.state(request, ["cancelled"]);
  expect(view.assets.every(({ outcome }) => outcome === "refuse")).toBe(true);
  expect(view.assets[0]!.reasons.join()).toContain("edges-not-allowed");
});
