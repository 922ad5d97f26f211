/** What a person, a client that lost patience and the node itself ask for at the same time is done once. */
import { expect, test } from "vitest";
import { createNetwork, draftOf, type RequestState } from "./_network.ts";

const GAMMA = "gamma:panel";

test("the same draft, two opposite words of a steward and two openings at the same time", async () => {
  await using network = await createNetwork({
    opensByItself: false,
    policy: (member) => (member === "gamma" ? { approval: "steward" } : {}),
  });
  const file = () => network.call<{ id: string; recorded: boolean }>("ministry", "POST", "/api/v1/requests", draftOf());
  const [first, second] = await Promise.all([file(), file()]);
  expect(second.id).toBe(first.id);
  const request = first.id;

  const word = (outcome: string) =>
    network.call<{ outcome: string }>("gamma", "POST", `/api/v1/requests/${request}/decisions`, {
      asset: GAMMA,
      outcome,
    });
  const waits = async () => {
    const view = await network.call<RequestState>("gamma", "GET", `/api/v1/requests/${request}`).catch(() => undefined);
    return view?.assets.find(({ asset }) => asset === GAMMA)?.outcome;
  };
  await expect.poll(waits).toBe("wait");
  const words = await Promise.allSettled([word("approved"), word("refused"), word("approved")]);
  const told = words.flatMap((one) => (one.status === "fulfilled" ? [one.value.outcome] : []));
  // Whichever came first stands. What it was explained with is what the ledger has: else nobody takes the agreement.
  expect(new Set(told).size).toBe(1);

  await network.state(request, ["agreed"]);
  const open = () => network.call<{ computation: string }>("ministry", "POST", `/api/v1/requests/${request}/open`);
  const [one, other] = await Promise.all([open(), open()]);
  expect(other.computation).toBe(one.computation);
  const view = await network.state(request, ["released", "withheld", "failed", "cancelled"]);
  expect(view).toMatchObject({ state: "released", computation: one.computation, failures: [] });
  const gamma = view.assets.find(({ asset }) => asset === GAMMA);
  expect(gamma).toMatchObject({ outcome: told[0], ...(told[0] === "permit" ? { agreement: expect.any(String) } : {}) });
});
