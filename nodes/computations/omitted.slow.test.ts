/** A coordinator that leaves a contribution out after it has receipted it, and a receiver that would not care. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { readComputation, readComputationOpened, readOmitted } from "../../chaincode/rules/keys.ts";
import { computationIdOf } from "../../exchange/computations/opening.ts";
import { record } from "../../exchange/requests/record.ts";
import { LedgerError } from "../../ledger/port.ts";
import { skippingDeadlines } from "./_deadlines.ts";
import { createNetwork, type Network, PATIENCE_MS } from "./_network.ts";

const OMITTED = "omega";
const careless = vi.hoisted(() => ({ computations: new Set<string>() }));
const inPhase2 = vi.hoisted(() => ({ computations: new Set<string>() }));

// C closes one phase without omega, whose contribution it has received and receipted.
vi.mock(import("../../crypto/secagg/coordinator-rounds.ts"), async (original) => {
  const rounds = await original();
  return {
    ...rounds,
    closeContributions(state, deps) {
      const { [OMITTED]: left, ...contributions } = state.round.contributions;
      const phase = inPhase2.computations.has(state.opened.computation) ? 2 : 1;
      if (state.round.phase !== phase || left === undefined) return rounds.closeContributions(state, deps);
      return rounds.closeContributions({ ...state, round: { ...state.round, contributions } }, deps);
    },
  };
});
// R of these computations pays no attention to omissions.
vi.mock(import("../../crypto/secagg/receiver.ts"), async (original) => {
  const receiver = await original();
  return {
    ...receiver,
    stepReceiver(state, input, deps) {
      const isOmission =
        (input.kind === "message" && input.message.type === "omitted") ||
        (input.kind === "ledger" && input.record.record === "omitted");
      const isCareless = "opened" in state && careless.computations.has(state.opened.computation);
      if (isOmission && isCareless) return { state, send: [], effects: [] };
      return receiver.stepReceiver(state, input, deps);
    },
  };
});

const taxOf = (year: string) => ({
  query: {
    measures: [{ id: "tax", statistic: { kind: "sum", element: "tax-paid" } }],
    groupBy: [],
    filters: [{ element: "year", operator: "eq", values: [year] }],
  },
});

let network: Network;
/** Computations about whose omission omega told the receiver itself. */
const told: string[] = [];
beforeAll(async () => {
  network = await createNetwork({
    logLevel: process.env.LOG ?? "silent",
    observe(member, { direction, peer, path, body }) {
      if (member !== OMITTED || direction !== "sent" || peer !== "bureau") return;
      if (Buffer.from(body).toString("utf8").startsWith('{"type":"omitted"')) told.push(path.split("/")[4]!);
    },
  });
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
});

/** Everybody has contributed, and C waits for the deadline all the same. */
async function omissionOf(computation: string, phase: 1 | 2): Promise<void> {
  const { ledger } = network.net.node("alpha").services;
  const omitted = vi.waitFor(
    async () => expect(await readOmitted(ledger, computation)).toMatchObject([{ member: OMITTED, phase }]),
    { timeout: PATIENCE_MS, interval: 50 },
  );
  await skippingDeadlines(network, { from: () => [] }, omitted);
}

test("a member that was left out against a receipt says so to ledger and receiver, and the result is withheld", async () => {
  const request = await network.submit(taxOf("2024"));
  const computation = computationIdOf(request, 0);
  await omissionOf(computation, 1);
  const view = await network.state(request, ["released", "withheld", "failed"]);
  expect(view).toMatchObject({ state: "withheld", reasons: ["omitted"], computation });
  expect(told).toContain(computation);
  await vi.waitFor(
    async () => {
      const names = await network.net.node(OMITTED).services.inflight.names();
      expect(names.filter((name) => name.startsWith(computation))).toEqual([]);
    },
    { timeout: PATIENCE_MS },
  );
});

test("a receiver that would release all the same is refused by the contract", async () => {
  const request = await network.submit(taxOf("2025"));
  const computation = computationIdOf(request, 0);
  careless.computations.add(computation);
  await omissionOf(computation, 1);
  await network.state(request, ["computed"]);
  const { services } = network.net.node("bureau");
  const body = {
    computation,
    request,
    resultDigest: "A".repeat(43),
    rules: [],
    reviewers: [],
    withheldCells: 0,
  };
  const refused = await record(services, "result.release", body, "by hand").catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(LedgerError);
  expect((refused as LedgerError).rejection?.code).toBe("ERR_CONTRACT_OMITTED");
  const { ledger } = network.net.node("alpha").services;
  const { body: opening } = (await readComputationOpened(ledger, computation))!;
  network.clock.moveTo(Date.parse(opening.deadlines.release));
  const view = await network.state(request, ["released", "withheld", "failed"]);
  expect(view).toMatchObject({ state: "failed", reasons: ["release-deadline"] });
  await expect
    .poll(async () => (await readComputation(ledger, computation))?.state, { timeout: PATIENCE_MS })
    .toBe("failed");
});

test("an objection to the closing of the values reaches the ledger before the release does", async () => {
  const query = {
    measures: [{ id: "tax", statistic: { kind: "sum", element: "tax-paid" } }],
    groupBy: [],
    filters: [],
  };
  const request = await network.submit({ query });
  const computation = computationIdOf(request, 0);
  inPhase2.computations.add(computation);
  await omissionOf(computation, 2);
  const view = await network.state(request, ["released", "withheld", "failed"]);
  expect(view).toMatchObject({ state: "withheld", reasons: ["omitted"], computation });
});
