/** A member whose store forgot a release must not take part as if there had been none. */
import { expect, test } from "vitest";
import type { HistoryEntry } from "../../crypto/secagg/history.ts";
import { createNetwork, PROVIDERS, SUM_BY_YEAR } from "./_network.ts";

const ENDS = ["released", "withheld", "failed", "cancelled"];

test("a store restored from before a release refuses further computations over that asset", async () => {
  await using network = await createNetwork();
  const first = await network.state(await network.submit(), ENDS);
  expect(first.state).toBe("released");

  for (const member of PROVIDERS.slice(0, 2)) {
    const store = network.net.node(member).services.openStore<HistoryEntry>("release-history");
    expect(await store.get(first.computation!)).toBeDefined();
    await store.delete(first.computation!);
    await network.net.stop(member);
    await network.net.start(member);
  }
  const second = await network.state(await network.submit({ query: SUM_BY_YEAR }), ENDS);
  expect(second).toMatchObject({ state: "failed", reasons: ["history-unknown"] });
});
