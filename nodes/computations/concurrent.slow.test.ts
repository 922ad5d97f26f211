/** Two requests at the same time over overlapping cohorts: no provider signs two releases that tell one of them apart. */
import { expect, test, vi } from "vitest";
import { readComputationOpened } from "../../chaincode/rules/keys.ts";
import { computationIdOf } from "../../exchange/computations/opening.ts";
import { createNetwork, PATIENCE_MS, PROVIDERS } from "./_network.ts";

const ENDS = ["released", "withheld", "failed", "cancelled"];

test("of two simultaneous requests whose cohorts differ by one provider, the receiver decodes one", async () => {
  await using network = await createNetwork();
  const all = PROVIDERS.map((member) => `${member}:panel`);
  const requests = await Promise.all([network.submit({ assets: all }), network.submit({ assets: all.slice(0, 4) })]);
  const first = await Promise.race(
    requests.map(async (request) => ({ request, ...(await network.state(request, ENDS)) })),
  );
  expect(first.state).toBe("released");

  // The others have signed for the first one. Nobody signs for the second, which ends when its release was due.
  const second = requests.find((request) => request !== first.request)!;
  const computation = computationIdOf(second, 0);
  await vi.waitFor(
    async () => {
      for (const member of PROVIDERS.slice(0, 4)) {
        const names = await network.net.node(member).services.inflight.names();
        expect({ member, names: names.filter((name) => name.startsWith(computation)) }).toEqual({ member, names: [] });
      }
    },
    { timeout: PATIENCE_MS, interval: 50 },
  );
  const { body } = (await readComputationOpened(network.net.node("operator").services.ledger, computation))!;
  network.clock.moveTo(Date.parse(body.deadlines.release));
  // "withheld" would mean that the receiver had both sums and kept one to itself.
  expect(await network.state(second, ENDS)).toMatchObject({ state: "failed" });
});
