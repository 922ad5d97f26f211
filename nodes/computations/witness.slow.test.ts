/** A whole node folder put back from an earlier copy, as a virtual machine's snapshot would be. */
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { computationIdOf } from "../../exchange/computations/opening.ts";
import type { ObservedMessage } from "../peer/client.ts";
import { skippingDeadlines } from "./_deadlines.ts";
import { createNetwork, type Network, PATIENCE_MS, PROVIDERS } from "./_network.ts";
import { paths } from "./peer-messages.ts";

const COSIGNER = "beta";
/** Only statements about the computation tell that its store was rolled back. */
const NO_COSIGNER = "gamma";

let network: Network;
let onSent: (member: string, message: ObservedMessage) => void = () => undefined;

beforeAll(async () => {
  network = await createNetwork({
    logLevel: process.env.LOG ?? "silent",
    members: [
      { id: "operator", kind: "industry" },
      { id: "ministry", kind: "government" },
      { id: "bureau", kind: "government" },
      ...PROVIDERS.map((id) => ({
        id,
        kind: "enterprise" as const,
        attributes: { sector: "17" },
        cosigner: id !== NO_COSIGNER,
      })),
    ],
    observe(member, message) {
      if (message.direction === "sent") onSent(member, message);
    },
  });
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
});

/** Stops it when it sends the first message of this type; resolves when it has stopped. */
const stoppedAt = (back: string, type: string): Promise<void> =>
  new Promise((resolve, reject) => {
    onSent = (member, { body }) => {
      if (member !== back || !Buffer.from(body).toString("utf8").startsWith(`{"type":"${type}"`)) return;
      onSent = () => undefined;
      setImmediate(() => void network.net.stop(back).then(resolve, reject));
    };
  });

const folder = (name: string) => join(network.net.dir, name);
async function putBack(back: string, copy: string): Promise<void> {
  await rm(folder(back), { recursive: true });
  await cp(folder(copy), folder(back), { recursive: true });
}

/** Runs it to its accept, and puts its folder back to where it had sent its keys. */
async function rolledBack(back: string, year: string): Promise<string> {
  let stopped = stoppedAt(back, "keys");
  const query = {
    measures: [{ id: "tax", statistic: { kind: "sum", element: "tax-paid" } }],
    groupBy: [],
    filters: [{ element: "year", operator: "eq", values: [year] }],
  };
  const request = await network.submit({ query });
  await stopped;
  await cp(folder(back), folder(`copy-${year}`), { recursive: true });
  stopped = stoppedAt(back, "accept");
  await network.net.start(back);
  await stopped;
  await putBack(back, `copy-${year}`);
  return request;
}

async function takesNoPart(back: string, request: string): Promise<void> {
  const computation = computationIdOf(request, 0);
  const said: string[] = [];
  onSent = (member, { path, method }) => {
    if (member === back && method === "POST" && path.startsWith(paths.messages(computation))) said.push(path);
  };
  const { services } = await network.net.start(back);
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
  expect(await skippingDeadlines(network, { from: () => [back] }, end)).toMatchObject({
    state: "released",
    computation,
  });
}

test("a member that the coordinator holds newer statements of aborts its open computation", async () => {
  await takesNoPart(NO_COSIGNER, await rolledBack(NO_COSIGNER, "2024"));
});

test("when the coordinator hides them, a newer cosignature of the ledger aborts it just the same", async () => {
  const request = await rolledBack(COSIGNER, "2025");
  // The coordinator is the sequencer here; it forgets the statements, the cosignature is the sequencer's and R's.
  const witnessed = network.net.node("operator").services.openStore<unknown>("witnessed");
  await witnessed.delete(`${computationIdOf(request, 0)}/${COSIGNER}/shares`);
  await witnessed.delete(`${computationIdOf(request, 0)}/${COSIGNER}/accept`);
  await takesNoPart(COSIGNER, request);
});

test("a node that only stopped and started keeps its part", async () => {
  const stopped = stoppedAt(COSIGNER, "shares");
  const query = {
    measures: [{ id: "units", statistic: { kind: "count" } }],
    groupBy: [],
    filters: [],
  };
  const request = await network.submit({ query });
  await stopped;
  await network.net.start(COSIGNER);
  const view = await network.state(request, ["released", "withheld", "failed"]);
  expect(view).toMatchObject({ state: "released" });
  const result = await network.call<{ outcome: { document: { cells: { value: string }[] } } }>(
    "ministry",
    "GET",
    `/api/v1/requests/${request}/result`,
  );
  expect(result.outcome.document.cells[0]?.value).toBe(String(PROVIDERS.length));
});
