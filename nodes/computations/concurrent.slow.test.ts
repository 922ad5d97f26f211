/** Two requests at the same time over overlapping cohorts: no provider signs two releases that tell one of them apart. */
import { expect, test } from "vitest";
import { createNetwork, PROVIDERS } from "./_network.ts";

test("of two simultaneous requests whose cohorts differ by one provider, the receiver decodes one", async () => {
  await using network = await createNetwork({ stepMs: 9_000, releaseMs: 15_000 });
  const all = PROVIDERS.map((member) => `${member}:panel`);
  const requests = await Promise.all([network.submit({ assets: all }), network.submit({ assets: all.slice(0, 4) })]);
  const ends = ["released", "withheld", "failed", "cancelled"];
  const views = await Promise.all(requests.map((request) => network.state(request, ends, 90_000)));
  // "withheld" would mean that the receiver had both sums and kept one to itself.
  expect(views.map(({ state }) => state).toSorted()).toEqual(["failed", "released"]);
}, 200_000);
