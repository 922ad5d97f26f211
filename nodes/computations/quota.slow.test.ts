/** A quota is never oversold, however many ask for it at once. */
import { expect, test, vi } from "vitest";
import { countAssetUses, readComputations } from "../../chaincode/rules/keys.ts";
import { createNetwork, PATIENCE_MS, type RequestState, TOTAL } from "./_network.ts";

const ASKED = 100;
const QUOTA = 10;
const PROVIDERS = ["alpha", "beta", "delta"];
const ENDS = ["released", "withheld", "failed", "cancelled"];

test("of a hundred requests at once on a quota of ten exactly ten are computed and released, and every other one is told why", async () => {
  await using network = await createNetwork({
    logLevel: process.env.LOG ?? "silent",
    providers: PROVIDERS,
    policy: (member) => (member === "alpha" ? { uses: QUOTA } : {}),
  });
  const assets = PROVIDERS.map((member) => `${member}:panel`);
  // Each asks something else: an equal question is answered with what was released.
  const asking = (at: number) => ({
    assets,
    query: { ...TOTAL, measures: [{ ...TOTAL.measures[0]!, id: `sum-${at}` }] },
  });
  const requests = await Promise.all(Array.from({ length: ASKED }, (_, at) => network.submit(asking(at))));
  const views = () =>
    Promise.all(requests.map((id) => network.call<RequestState>("ministry", "GET", `/api/v1/requests/${id}`)));
  const ended = await vi.waitFor(
    async () => {
      const present = await views();
      const running = present.filter(({ state }) => !ENDS.includes(state));
      expect(running.map(({ state, assets }) => [state, assets])).toEqual([]);
      return present;
    },
    { timeout: PATIENCE_MS, interval: 500 },
  );
  expect(ended.filter(({ state }) => state === "released")).toHaveLength(QUOTA);
  const { ledger } = network.net.node("beta").services;
  expect(await countAssetUses(ledger, "alpha:panel")).toBe(QUOTA);
  expect((await readComputations(ledger)).filter(({ state }) => state === "released")).toHaveLength(QUOTA);
  for (const { state, reasons, assets: decided } of ended) {
    if (state === "released") continue;
    const said = [...(reasons ?? []), ...decided.flatMap((one) => one.reasons)];
    // Decided when none was left, or agreed on and left without that provider.
    expect([state, said.includes("uses-exhausted"), said]).toEqual(["cancelled", true, said]);
  }
});
