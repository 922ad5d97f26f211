/** Two members of one holding group, each with a node and a table of its own, through the management interface. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestnetMember } from "../testnet/local-member.ts";
import { createNetwork, draftOf, type Network } from "./_network.ts";

/** Output by year; in 2024 the two affiliates have two thirds of it together, in 2025 two strangers do. */
const ROWS = {
  alpha: [350, 100],
  beta: [350, 100],
  delta: [100, 350],
  gamma: [100, 350],
  omega: [100, 100],
  sigma: [90, 100],
} as const;
const PROVIDERS = Object.keys(ROWS);
const AFFILIATES = ["alpha", "beta"];

let network: Network;
beforeAll(async () => {
  const members: TestnetMember[] = PROVIDERS.map((id) => ({
    id,
    kind: "enterprise",
    attributes: { sector: "17" },
    ...(AFFILIATES.includes(id) ? { holdingGroup: "alpha-and-beta" } : {}),
  }));
  network = await createNetwork({
    logLevel: process.env.LOG ?? "silent",
    members: [
      { id: "operator", kind: "industry" },
      { id: "ministry", kind: "government" },
      { id: "bureau", kind: "government" },
      ...members,
    ],
    providers: PROVIDERS,
    rows: Object.fromEntries(
      Object.entries(ROWS).map(([id, [first, second]]) => [
        id,
        [
          ["2024", `${first}`, "0"],
          ["2025", `${second}`, "0"],
        ],
      ]),
    ),
    policy: () => ({
      receiverModes: ["reviewed"],
      exactMomentsTrusted: ["bureau"],
      output: { dominance: [{ largest: "1", percent: "60" }] },
    }),
  });
});
afterAll(async () => {
  await network?.[Symbol.asyncDispose]();
});

const asked = (year: string, providers: readonly string[]) => ({
  ...draftOf(),
  assets: providers.map((member) => `${member}:panel`),
  query: {
    measures: [{ id: "output", statistic: { kind: "sum", element: "output-value" } }],
    groupBy: [],
    filters: [{ element: "year", operator: "eq", values: [year] }],
  },
});
interface Document {
  readonly contributors: readonly string[];
  readonly cells: readonly { readonly value: string | null }[];
}
/** Its figure and who is in it, or how it ended. */
async function told(draft: object) {
  const request = await network.submit(draft);
  const { state, reasons } = await network.state(request, ["released", "withheld", "failed"]);
  if (state !== "released") return [state, ...(reasons ?? [])].join(" ");
  const result = await network.call<{ outcome: { document: Document } }>(
    "ministry",
    "GET",
    `/api/v1/requests/${request}/result`,
  );
  const { contributors, cells } = result.outcome.document;
  return { contributors, value: cells[0]?.value };
}

test("affiliates on two nodes are one contributor, and who asked for both is told beforehand which one is left out", async () => {
  const draft = asked("2024", PROVIDERS);
  const plan = await network.call("ministry", "POST", "/api/v1/requests/plan", draft);
  expect(plan).toMatchObject({ leftOut: [{ asset: "beta:panel", reason: "group-already-represented" }] });
  const contributors = PROVIDERS.filter((member) => member !== "beta");
  expect(await told(draft)).toEqual({ contributors, value: "740" });
});

test("the other affiliate in its place would tell what sets the two apart: refused", async () => {
  const others = PROVIDERS.filter((member) => member !== "alpha");
  expect(await told(asked("2024", others))).toBe("failed history");
});

test("the same values of two that are no affiliates are both in the sum", async () => {
  const contributors = PROVIDERS.filter((member) => member !== "beta");
  expect(await told(asked("2025", contributors))).toEqual({ contributors, value: "1000" });
});
