/** A request that is filed while the ledger cannot be reached is neither lost nor asked for twice. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createNetwork, draftOf, type Network, SUM_BY_YEAR } from "./_network.ts";

const ENDS = ["released", "withheld", "failed", "cancelled"];
const STEP_MS = 60_000;

let network: Network;
/** What the requester does instead of handing an opening to the ledger. */
let onOpening: () => void = () => undefined;
beforeAll(async () => {
  network = await createNetwork({
    stepMs: STEP_MS,
    observe(member, { direction, path, body }) {
      if (member !== "ministry" || direction !== "sent" || path !== "/peer/v1/ledger/transactions") return;
      if (Buffer.from(body).toString("utf8").includes('"computation.open"')) onOpening();
    },
  });
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
});

test("a request filed while the sequencer is down is kept under its id and recorded by itself", async () => {
  await network.net.stop("operator");
  const answer = await network.call<{ id: string; recorded: boolean }>(
    "ministry",
    "POST",
    "/api/v1/requests",
    draftOf(),
  );
  expect(answer.recorded).toBe(false);
  await network.net.start("operator");
  const view = await network.state(answer.id, ENDS);
  expect(view.state).toBe("released");
});

test("an opening that the ledger got only after its own first deadline is planned anew", async () => {
  let tries = 0;
  onOpening = () => {
    tries += 1;
    if (tries > 1) return;
    network.clock.moveTo(network.clock.time() + STEP_MS + 1_000);
    throw new Error("the ledger is away");
  };
  const request = await network.submit({ query: SUM_BY_YEAR });
  const view = await network.state(request, ENDS);
  expect(tries).toBeGreaterThan(1);
  expect(view.state).toBe("released");
});
