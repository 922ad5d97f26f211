/** A phase 1 that failed is opened again by itself: a new computation with new keys, three times at most. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { readComputation, readComputationOpened } from "../../chaincode/rules/keys.ts";
import type { Keys } from "../../crypto/secagg/messages.ts";
import type { Signed } from "../../crypto/suites/signed.ts";
import { computationIdOf } from "../../exchange/computations/opening.ts";
import { MAX_RESTARTS } from "../../exchange/requests/life.ts";
import type { ObservedMessage } from "../peer/client.ts";
import { skippingDeadlines } from "./_deadlines.ts";
import { createNetwork, type Network, PATIENCE_MS, PROVIDERS } from "./_network.ts";
import { computationInPath } from "./gauges.ts";

const taxOf = (year: string) => ({
  query: {
    measures: [{ id: "tax", statistic: { kind: "sum", element: "tax-paid" } }],
    groupBy: [],
    filters: [{ element: "year", operator: "eq", values: [year] }],
  },
});
const ATTEMPTS = Array.from({ length: 1 + MAX_RESTARTS }, (_, attempt) => attempt);

let network: Network;
/** Computations about which omega and gamma, too many to do without, say nothing from this message on. */
const silentFrom = new Map<string, string>();
const SILENT = ["gamma", "omega"];
/** `<computation>/<member>` */
const silenced = new Set<string>();
const silent = (computation: string) => SILENT.filter((member) => silenced.has(`${computation}/${member}`));

beforeAll(async () => {
  network = await createNetwork({
    logLevel: process.env.LOG ?? "silent",
    observe(member: string, { direction, path, body }: ObservedMessage) {
      const computation = computationInPath(path) ?? "";
      const type = silentFrom.get(computation);
      if (direction !== "sent" || type === undefined || !SILENT.includes(member)) return;
      const key = `${computation}/${member}`;
      const start = Buffer.from(body.subarray(0, 40)).toString("utf8");
      if (start.startsWith(`{"type":"${type}"`)) silenced.add(key);
      if (silenced.has(key)) throw new Error("the coordinator is out of reach");
    },
  });
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
});

const keysOf = async (computation: string): Promise<readonly string[]> => {
  const { services } = network.net.node("operator");
  const opened = (await readComputationOpened(services.ledger, computation))!;
  const found: unknown[] = [opened.body.receiverKey.statement.publicKey];
  const { openStore } = services;
  for (const member of PROVIDERS) {
    const keys = (await openStore<Signed<unknown>>("witnessed").get(`${computation}/${member}/keys`)) as Keys;
    const { pair1, pair2, seal, envelope } = keys.statement.body as Record<string, unknown>;
    found.push(pair1, pair2, seal, envelope);
  }
  return found.map((key) => {
    expect(key).toMatch(/^[A-Za-z0-9_-]{43}$/);
    return key as string;
  });
};

test("a phase 1 without enough contributions is restarted under a new id with new keys, and released", async () => {
  const request = await network.submit(taxOf("2024"));
  const [first, second] = ATTEMPTS.map((attempt) => computationIdOf(request, attempt)) as [string, string];
  silentFrom.set(first, "contribution-1");
  const view = await skippingDeadlines(network, { from: silent }, network.state(request, ["released"]));
  expect(view.computation).toBe(second);
  expect(view.failures).toMatchObject([{ computation: first, reason: "too-few-contributions" }]);

  const { ledger } = network.net.node("alpha").services;
  expect((await readComputationOpened(ledger, second))?.body.restartOf).toBe(first);
  expect((await readComputation(ledger, second))?.restarts).toBe(1);
  const [before, after] = [await keysOf(first), await keysOf(second)];
  expect(new Set([...before, ...after]).size).toBe(2 * (1 + 4 * PROVIDERS.length));
  for (const member of [...PROVIDERS, "bureau"]) {
    const names = await network.net.node(member).services.inflight.names();
    expect({ member, left: names.filter((name) => name.startsWith(first)) }).toEqual({ member, left: [] });
  }
});

test("after three restarts a request stays failed", async () => {
  const request = await network.submit(taxOf("2025"));
  const attempts = ATTEMPTS.map((attempt) => computationIdOf(request, attempt));
  for (const computation of attempts) silentFrom.set(computation, "keys");
  const failures = async () => (await network.state(request, ["submitted", "agreed", "opened", "failed"])).failures;
  const allFailed = expect
    .poll(async () => (await failures()).map(({ computation }) => computation), { timeout: PATIENCE_MS })
    .toEqual(attempts);
  await skippingDeadlines(network, { from: silent }, allFailed);
  const view = await network.state(request, ["failed"]);
  expect(view).toMatchObject({ state: "failed", reasons: ["too-few-keys"] });
  const { ledger } = network.net.node("alpha").services;
  expect((await readComputation(ledger, attempts.at(-1)!))?.restarts).toBe(MAX_RESTARTS);
  expect(await readComputation(ledger, computationIdOf(request, attempts.length))).toBeUndefined();
  await expect(network.call("ministry", "POST", `/api/v1/requests/${request}/open`)).rejects.toThrow(
    /ERR_CONTRACT_RESTART|ERR_COMPUTATION_CONFLICT/,
  );
});
