/** A request that is filed while the ledger cannot be reached is neither lost nor asked for twice. */
import { expect, test } from "vitest";
import { createNetwork, draftOf } from "./_network.ts";

test("a request filed while the sequencer is down is kept under its id and recorded by itself", async () => {
  await using network = await createNetwork();
  await network.net.stop("operator");
  const answer = await network.call<{ id: string; recorded: boolean }>(
    "ministry",
    "POST",
    "/api/v1/requests",
    draftOf(),
  );
  expect(answer.recorded).toBe(false);
  await network.net.start("operator");
  const view = await network.state(answer.id, ["released", "withheld", "failed", "cancelled"], 120_000);
  expect(view.state).toBe("released");
}, 300_000);
