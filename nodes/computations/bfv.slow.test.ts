/** Requests under the homomorphic envelope on running nodes: the same figures as under masks, through drops, stops and tampering. */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { readComputationOpened } from "../../chaincode/rules/keys.ts";
import { computationIdOf } from "../../exchange/computations/opening.ts";
import { createFront } from "../attacks/_front.ts";
import { skippingDeadlines } from "./_deadlines.ts";
import { createNetwork, type Network, PATIENCE_MS, PROVIDERS, SUM_BY_YEAR } from "./_network.ts";
import { chunkPart } from "./chunk-upload.ts";
import { computationInPath } from "./gauges.ts";
import { AcceptedMessage, paths } from "./peer-messages.ts";

/** Eleven ranks of a sketch for each of them, and a sum: two chunks of ciphertexts per provider. */
const YEARS = Array.from({ length: 36 }, (_, i) => String(1950 + i));
const rows = Object.fromEntries(
  PROVIDERS.map((member, i) => [
    member,
    YEARS.map((year, j): [string, string, string] => [year, `${100 * (i + 1) + j}.5`, `${i + 1}.5`]),
  ]),
);
const outputs = YEARS.map((_, j) => PROVIDERS.reduce((sum, _member, i) => sum + 100 * (i + 1) + j + 0.5, 0));

interface Cell {
  readonly group: Readonly<Record<string, string>>;
  readonly measure: string;
  readonly value: string | null;
}
interface Result {
  readonly outcome: {
    readonly document: { readonly cells: readonly Cell[]; readonly contributors: readonly string[] };
  };
}
interface Call {
  readonly by: string;
  readonly name: string;
  readonly computation: string;
}

let network: Network;
const CIPHERTEXT_BYTES = 131_104;
/** Between the coordinator and everyone else. */
const front = createFront();
/** Called before a message leaves; what it throws is a connection that drops. */
let onCall: (call: Call) => void = () => undefined;
let bodies: string[] = [];

beforeAll(async () => {
  network = await createNetwork({
    logLevel: process.env.LOG ?? "silent",
    rows,
    fronts: { operator: front.open },
    policy: () => ({
      aggregate: { "output-value": ["sum"], "tax-paid": ["sum"], year: ["distinct"] },
    }),
    observe(by, { direction, path, body }) {
      if (direction !== "sent") return;
      const type = /^\{"type":"([a-z0-9-]+)"/.exec(Buffer.from(body.subarray(0, 40)).toString("utf8"))?.[1];
      const name = /\/(sums|contributions)\//.exec(path)?.[1] ?? type ?? path.split("?")[0]!.split("/").at(-1)!;
      bodies.push(`${by} ${name}`);
      onCall({ by, name, computation: computationInPath(path) ?? "" });
    },
  });
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
});
beforeEach(() => {
  onCall = () => undefined;
  bodies = [];
});

const result = async (request: string) =>
  (await network.call<Result>("ministry", "GET", `/api/v1/requests/${request}/result`)).outcome.document;
const released = async (request: string) => {
  expect(await network.state(request, ["released", "withheld", "failed"])).toMatchObject({ state: "released" });
  return await result(request);
};
const services = (member: string) => network.net.node(member).services;
const faultsAt = async (member: string, computation: string, of: string) => {
  const reasons: string[] = [];
  const store = services(member).openStore<{ readonly reason: string }>("faults");
  for await (const [, { reason }] of store.entries(`${computation}/${of}/`)) reasons.push(reason);
  return reasons;
};

test("the same question by both methods has the same answer; the ledger names the parameters, the evidence the method", async () => {
  const query = SUM_BY_YEAR;
  const masked = await released(await network.submit({ query }));
  const request = await network.submit({ query, method: "bfv" });
  expect(await released(request)).toEqual({ ...masked, request, computation: computationIdOf(request, 0) });
  const opened = await readComputationOpened(services("ministry").ledger, computationIdOf(request, 0));
  expect(opened?.body.envelope).toEqual({ method: "bfv", parameters: "bfv-4096-104-75" });
  expect(bodies.filter((one) => one === "bureau sums")).toHaveLength(1);
  const view = await network.call<{ document: { method?: string } }>("ministry", "GET", `/api/v1/requests/${request}`);
  expect(view.document.method).toBe("bfv");
});

describe("under the homomorphic envelope", () => {
  /** Two chunks; a question of its own each. */
  const long = (id: string) => ({
    measures: [
      { id, statistic: { kind: "sum", element: "output-value" } },
      { id: `${id}-years`, statistic: { kind: "distinct", element: "year" } },
    ],
    groupBy: [{ element: "year" }],
    filters: [],
  });
  const expectExact = (cells: readonly Cell[], id: string) =>
    expect(cells.filter(({ measure }) => measure === id).map(({ value }) => Number(value))).toEqual(outputs);

  test.each([
    ["a provider", "beta", "beta", "contributions"],
    ["the coordinator", "operator", "bureau", "sums"],
    ["the receiver", "bureau", "bureau", "contributions"],
  ])("%s that is stopped in phase 2 of a vector of two chunks goes on when it is back", async (_, victim, by, name) => {
    const stopped = new Promise<void>((resolve, reject) => {
      onCall = (call) => {
        if (call.by !== by || call.name !== name) return;
        onCall = () => undefined;
        setImmediate(() => void network.net.stop(victim).then(resolve, reject));
      };
    });
    const request = await network.submit({ query: long(`stop-${victim}`), method: "bfv" });
    await stopped;
    await network.net.start(victim);
    expectExact((await released(request)).cells, `stop-${victim}`);
  });

  test("P-envelope: a ciphertext that is none or another one is refused by its sender's name, the run goes on", async () => {
    let isHeld = true;
    let own = false;
    onCall = ({ by, name }) => {
      if (by !== "omega" || name !== "contributions" || !isHeld) return;
      own = true;
      if (!isTrying) throw new Error("held back");
    };
    let isTrying = false;
    const request = await network.submit({ query: long("hostile"), method: "bfv" });
    const computation = computationIdOf(request, 0);
    await vi.waitFor(() => expect(own).toBe(true), { timeout: PATIENCE_MS, interval: 50 });
    const one = (await services("omega").inflight.getPart(`${computation}-member`, chunkPart(2, 1)))!;
    isTrying = true;
    const { peers, members } = services("omega");
    const put = async (body: Uint8Array) =>
      peers
        .call(await members.target("operator"), {
          ...{ method: "PUT", response: AcceptedMessage, body },
          path: paths.chunk(computation, { phase: 2, member: "omega", index: 1 }),
        })
        .catch((error: { answer?: { code: string } }) => error.answer?.code);
    const altered = (at: number) => Uint8Array.from(one, (byte, i) => (i === at ? byte ^ 1 : byte));
    expect(await put(altered(200))).toBe("ERR_COMPUTATION_MESSAGE");
    expect(await put(altered(5))).toBe("ERR_COMPUTATION_MESSAGE");
    expect(await put(one.subarray(CIPHERTEXT_BYTES))).toBe("ERR_COMPUTATION_MESSAGE");
    isHeld = false;
    expectExact((await released(request)).cells, "hostile");
    expect(await faultsAt("operator", computation, "omega")).toContain("refused-chunk");
  });

  test.each([
    ["a sum that is not that of what was signed", "/sums/1", "not that of the signed ciphertexts"],
    ["another ciphertext than was signed", "/contributions/2/beta/1", "differs from its signed"],
  ])(
    "P-envelope: a coordinator that answers with %s is named by the receiver, and nothing is decrypted",
    async (_, call, words) => {
      let lies = 0;
      const honest = front.lie(async ({ from, path }, next) => {
        const answer = await next();
        if (from !== "bureau" || !path.includes(call) || answer.status !== 200) return answer;
        lies += 1;
        // Two places change theirs: each is a ciphertext of the right form.
        const at = (place: number) => answer.body.subarray(CIPHERTEXT_BYTES * place, CIPHERTEXT_BYTES * (place + 1));
        return { ...answer, body: Buffer.concat([at(1), at(0), answer.body.subarray(2 * CIPHERTEXT_BYTES)]) };
      });
      const request = await network.submit({ query: long(`lying-${words.length}`), method: "bfv" });
      const computation = computationIdOf(request, 0);
      await vi.waitFor(
        async () => expect((await faultsAt("bureau", computation, "operator")).join()).toContain(words),
        { timeout: PATIENCE_MS, interval: 100 },
      );
      expect(lies).toBeGreaterThan(0);
      expect(await services("bureau").openStore("results").get(computation)).toBeUndefined();
      honest();
    },
  );

  // Last: it moves the clock.
  test("counted cells are summed, and a provider that is gone after its contribution is in the sum", async () => {
    const measures = [{ id: "tax", statistic: { kind: "sum", element: "tax-paid" } }];
    const query = { measures, groupBy: [], filters: [{ element: "year", operator: "eq", values: ["1950"] }] };
    let isGone = false;
    onCall = ({ by, name, computation }) => {
      if (by !== "omega" || computation !== wanted()) return;
      if (isGone) throw new Error("out of reach");
      isGone = name === "contribution-2";
    };
    let request: string | undefined;
    const wanted = () => (request === undefined ? undefined : computationIdOf(request, 0));
    request = await network.submit({ query, method: "bfv" });
    const computations = [computationIdOf(request, 0)];
    const { cells } = await skippingDeadlines(network, { from: () => ["omega"], computations }, released(request));
    expect(cells.map(({ value }) => Number(value))).toEqual([1.5 + 2.5 + 3.5 + 4.5 + 5.5]);
    expect(isGone).toBe(true);
  });
});
