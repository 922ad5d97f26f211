/** A whole node folder put back from an earlier copy, as a virtual machine's snapshot would be. */
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { computationIdOf } from "../../exchange/computations/opening.ts";
import type { ObservedMessage } from "../peer/client.ts";
import { skippingDeadlines } from "./_deadlines.ts";
import { createNetwork, type Network, PATIENCE_MS, PROVIDERS } from "./_network.ts";
import { paths } from "./peer-messages.ts";

const BACK = "beta";

let network: Network;
let onSent: (member: string, message: ObservedMessage) => void = () => undefined;

beforeAll(async () => {
  network = await createNetwork({
    logLevel: process.env.LOG ?? "silent",
    observe(member, message) {
      if (message.direction === "sent") onSent(member, message);
    },
  });
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
});

/** Stops beta when it sends the first message of this type; resolves when it has stopped. */
const stoppedAt = (type: string): Promise<void> =>
  new Promise((resolve, reject) => {
    onSent = (member, { body }) => {
      if (member !== BACK || !Buffer.from(body).toString("utf8").startsWith(`{"type":"${type}"`)) return;
      onSent = () => undefined;
      setImmediate(() => void network.net.stop(BACK).then(resolve, reject));
    };
  });

const folder = (name: string) => join(network.net.dir, name);
async function putBack(copy: string): Promise<void> {
  await rm(folder(BACK), { recursive: true });
  await cp(folder(copy), folder(BACK), { recursive: true });
}

/** Runs beta to its accept, puts its folder back to where it had sent its keys, and starts it. */
async function rolledBack(year: string): Promise<string> {
  let stopped = stoppedAt("keys");
  const query = {
    measures: [{ id: "tax", statistic: { kind: "sum", element: "tax-paid" } }],
    groupBy: [],
    filters: [{ element: "year", operator: "eq", values: [year] }],
  };
  const request = await network.submit({ query });
  await stopped;
  await cp(folder(BACK), folder(`copy-${year}`), { recursive: true });
  stopped = stoppedAt("accept");
  await network.net.start(BACK);
  await stopped;
  await putBack(`copy-${year}`);
  return request;
}

async function takesNoPart(request: string): Promise<void> {
  const computation = computationIdOf(request, 0);
  const said: string[] = [];
  onSent = (member, { path, method }) => {
    if (member === BACK && method === "POST" && path.startsWith(paths.messages(computation))) said.push(path);
  };
  const { services } = await network.net.start(BACK);
  await vi.waitFor(
    async () => {
      const names = (await services.inflight.names()).filter((name) => name.startsWith(computation));
      expect(names).toEqual([]);
    },
    { timeout: PATIENCE_MS, interval: 50 },
  );
  // Not because the computation is over: the others still wait for it.
  expect((await network.state(request, ["opened", "counted"])).state).toBe("opened");
  expect(said).toEqual([]);
  const end = network.state(request, ["released", "withheld", "failed"]);
  expect(await skippingDeadlines(network, { from: () => [BACK] }, end)).toMatchObject({
    state: "released",
    computation,
  });
}

test("a member that the coordinator holds newer statements of aborts its open computation", async () => {
  await takesNoPart(await rolledBack("2024"));
});

test("when the coordinator hides them, a newer cosignature of the ledger aborts it just the same", async () => {
  const request = await rolledBack("2025");
  // The coordinator is the sequencer here; it forgets the statements, the cosignature is the sequencer's and R's.
  const witnessed = network.net.node("operator").services.openStore<unknown>("witnessed");
  await witnessed.delete(`${computationIdOf(request, 0)}/${BACK}/shares`);
  await witnessed.delete(`${computationIdOf(request, 0)}/${BACK}/accept`);
  await takesNoPart(request);
});

test("a node that only stopped and started keeps its part", async () => {
  const stopped = stoppedAt("shares");
  const query = {
    measures: [{ id: "units", statistic: { kind: "count" } }],
    groupBy: [],
    filters: [],
  };
  const request = await network.submit({ query });
  await stopped;
  await network.net.start(BACK);
  const view = await network.state(request, ["released", "withheld", "failed"]);
  expect(view).toMatchObject({ state: "released" });
  const result = await network.call<{ outcome: { document: { cells: { value: string }[] } } }>(
    "ministry",
    "GET",
    `/api/v1/requests/${request}/result`,
  );
  expect(result.outcome.document.cells[0]?.value).toBe(String(PROVIDERS.length));
});
