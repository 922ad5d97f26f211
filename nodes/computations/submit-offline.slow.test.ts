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

test("an opening that the ledger got only after its own first deadline is planned anew", async () => {
  const stepMs = 6_000;
  let awayUntil: number | undefined;
  await using network = await createNetwork({
    stepMs,
    observe(member, { direction, path, body }) {
      if (member !== "ministry" || direction !== "sent" || path !== "/peer/v1/ledger/transactions") return;
      if (!Buffer.from(body).toString("utf8").includes('"computation.open"')) return;
      awayUntil ??= Date.now() + stepMs + 1_000;
      if (Date.now() < awayUntil) throw new Error("the ledger is away");
    },
  });
  const request = await network.submit();
  const view = await network.state(request, ["released", "withheld", "failed", "cancelled"], 120_000);
  expect(awayUntil).toBeLessThan(Date.now());
  expect(view.state).toBe("released");
}, 300_000);
