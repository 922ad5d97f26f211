/** A vector of several chunks through real nodes: every chunk over HTTPS, interrupted, and tampered with. */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { CHUNK_WORDS } from "../../crypto/secagg/constants.ts";
import { computationIdOf } from "../../exchange/computations/opening.ts";
import { PEER_BYTES } from "../peer/client.ts";
import { createNetwork, type Network, PATIENCE_MS, PROVIDERS } from "./_network.ts";
import { chunkPart } from "./chunk-upload.ts";
import type { Transcript } from "./context.ts";
import { AcceptedMessage, paths } from "./peer-messages.ts";

/** A sketch of 11 ranks for each of these years, and a sum: more than two chunks of 2 MiB per provider. */
const YEARS = Array.from({ length: 200 }, (_, i) => String(1800 + i));
const CHUNKS = 3;
const outputOf = (i: number, j: number) => 100 * (i + 1) + j;
const ROWS: Record<string, [string, string, string][]> = Object.fromEntries(
  PROVIDERS.map((member, i) => [member, YEARS.map((year, j) => [year, `${outputOf(i, j)}.5`, "1"])]),
);
const wanted = YEARS.map((_, j) => PROVIDERS.reduce((sum, _member, i) => sum + outputOf(i, j) + 0.5, 0));

const PLACE = /\/contributions\/2\/([a-z]+)\/(\d+)$/;
interface Call {
  readonly by: string;
  readonly method: string;
  readonly member: string;
  readonly index: number;
  readonly body: Uint8Array;
}

let network: Network;
let calls: Call[] = [];
let largest = 0;
/** Called before a chunk leaves or is asked for; what it throws is a connection that drops. */
let onChunk: (call: Call) => void = () => undefined;

beforeAll(async () => {
  network = await createNetwork({
    logLevel: process.env.LOG ?? "silent",
    rows: ROWS,
    policy: () => ({ aggregate: { "output-value": ["sum"], year: ["distinct"] } }),
    observe(by, { direction, method, path, body }) {
      largest = Math.max(largest, body.length);
      const [, member, index] = PLACE.exec(path) ?? [];
      if (direction !== "sent" || member === undefined) return;
      const call = { by, method, member, index: Number(index), body };
      calls.push(call);
      onChunk(call);
    },
  });
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
});
beforeEach(() => {
  calls = [];
  largest = 0;
  onChunk = () => undefined;
});

/** A question of its own: the same one would be answered from the first release. */
async function submit(id: string): Promise<{ readonly request: string; readonly computation: string }> {
  const measures = [
    { id, statistic: { kind: "sum", element: "output-value" } },
    { id: `${id}-years`, statistic: { kind: "distinct", element: "year" } },
  ];
  const query = { measures, groupBy: [{ element: "year" }], filters: [] };
  const request = await network.submit({ query });
  return { request, computation: computationIdOf(request, 0) };
}

async function expectExact(request: string, measure: string): Promise<void> {
  expect(await network.state(request, ["released", "withheld", "failed"])).toMatchObject({ state: "released" });
  const { outcome } = await network.call<{
    outcome: { document: { cells: { measure: string; value: string | null }[]; contributors: string[] } };
  }>("ministry", "GET", `/api/v1/requests/${request}/result`);
  expect(outcome.document.contributors).toEqual([...PROVIDERS]);
  const figures = outcome.document.cells.filter((cell) => cell.measure === measure);
  expect(figures.map(({ value }) => Number(value))).toEqual(wanted);
}

test("a vector of several chunks is summed exactly; a connection that drops costs no chunk that was there", async () => {
  let drops = 2;
  onChunk = ({ by, method, index }) => {
    if (by === "gamma" && method === "PUT" && index === 2 && drops-- > 0) throw new Error("connection reset");
  };
  const { request } = await submit("plain");
  await expectExact(request, "plain");
  const put = calls.filter(({ method }) => method === "PUT");
  for (const provider of PROVIDERS) {
    const indexes = put.filter(({ by, member }) => by === provider && member === provider).map(({ index }) => index);
    expect(indexes).toEqual(provider === "gamma" ? [1, 2, 2, 2] : [1, 2]);
  }
  // R lacks all of them: first chunks of this size do not ride along.
  const got = calls.filter(({ method }) => method === "GET");
  expect(got).toHaveLength(PROVIDERS.length * CHUNKS);
  expect(got.every(({ by }) => by === "bureau")).toBe(true);
  // The message with the first chunk, in base64, is the longest body of all.
  expect(largest).toBeLessThan((CHUNK_WORDS * 8 * 4) / 3 + 64 * 1024);
});

test.each([
  ["a provider", "beta", "beta", "PUT"],
  ["the coordinator", "operator", "delta", "PUT"],
  ["the receiver", "bureau", "bureau", "GET"],
])("%s that is stopped between two chunks goes on when it is back", async (_name, victim, who, method) => {
  const id = `stop-${victim}`;
  const stopped = new Promise<void>((resolve, reject) => {
    onChunk = (call) => {
      if (call.by !== who || call.method !== method || call.index !== 2) return;
      onChunk = () => undefined;
      setImmediate(() => void network.net.stop(victim).then(resolve, reject));
    };
  });
  const { request } = await submit(id);
  await stopped;
  const before = calls.length;
  await network.net.start(victim);
  await expectExact(request, id);
  if (victim !== "beta") return;
  const resumed = calls.slice(before).filter(({ by }) => by === "beta");
  expect(resumed[0]!.index).toBeGreaterThanOrEqual(2);
});

describe("chunks that are not the next one of their own author", () => {
  const services = (member: string) => network.net.node(member).services;
  async function answerTo(by: string, method: "GET" | "PUT", path: string, body?: Uint8Array): Promise<string> {
    const { peers, members } = services(by);
    const response = method === "PUT" ? AcceptedMessage : PEER_BYTES;
    return await peers
      .call(await members.target("operator"), { method, path, response, ...(body === undefined ? {} : { body }) })
      .then(
        () => "taken",
        (error: { answer?: { status: number; code: string } }) =>
          error.answer === undefined ? String(error) : `${error.answer.status} ${error.answer.code}`,
      );
  }

  test("P-attributed: altered, cut off, swapped, too long, early, or another's: each is refused by name, the run goes on", async () => {
    // Its true second chunk is held back until all others were tried.
    let isHeld = true;
    let own: Uint8Array | undefined;
    onChunk = ({ by, method, index, body }) => {
      if (by !== "omega" || method !== "PUT" || index !== 1 || !isHeld) return;
      own ??= body;
      if (Buffer.compare(own, body) === 0) throw new Error("held back");
    };
    const { request, computation } = await submit("hostile");
    await vi.waitFor(() => expect(own).toBeDefined(), { timeout: PATIENCE_MS, interval: 50 });
    const chunk = async (index: number) =>
      new Uint8Array((await services("omega").inflight.getPart(`${computation}-member`, chunkPart(2, index)))!);
    const [one, two] = [await chunk(1), await chunk(2)];
    const at = (index: number, member = "omega") => paths.chunk(computation, { phase: 2, member, index });
    const altered = Uint8Array.from(one, (byte, i) => (i === 7 ? byte ^ 1 : byte));
    const put = (index: number, bytes: Uint8Array, member?: string) =>
      answerTo("omega", "PUT", at(index, member), bytes);
    const answers = {
      altered: await put(1, altered),
      cut: await put(1, one.subarray(8)),
      swapped: await put(1, two),
      long: await put(1, new Uint8Array(CHUNK_WORDS * 8 + 1)),
      none: await put(CHUNKS, one),
      early: await put(2, two),
      others: await put(1, altered, "alpha"),
      read: await answerTo("omega", "GET", at(1, "alpha")),
      stranger: await answerTo("ministry", "PUT", at(1), one),
    };
    isHeld = false;
    expect(answers).toEqual({
      altered: "400 ERR_COMPUTATION_MESSAGE",
      cut: "400 ERR_COMPUTATION_MESSAGE",
      swapped: "400 ERR_COMPUTATION_MESSAGE",
      long: "413 ERR_HTTP_TOO_LARGE",
      none: "400 ERR_COMPUTATION_MESSAGE",
      early: "409 ERR_COMPUTATION_CHUNK",
      others: "403 ERR_COMPUTATION_FORBIDDEN",
      read: "403 ERR_COMPUTATION_FORBIDDEN",
      stranger: "403 ERR_COMPUTATION_FORBIDDEN",
    });
    await expectExact(request, "hostile");
    // Replayed: the same answer while the coordinator's role runs, and nothing changes.
    expect(["taken", "404 ERR_COMPUTATION_UNKNOWN"]).toContain(await put(1, one));
    const faults: string[] = [];
    const store = services("operator").openStore<{ readonly reason: string }>("faults");
    for await (const [key, { reason }] of store.entries(`${computation}/omega/`)) faults.push(reason || key);
    expect(faults).toContain("refused-chunk");
  });
});

test("neither coordinator nor receiver keeps a word of a computation that is over", async () => {
  const { request, computation } = await submit("erased");
  await expectExact(request, "erased");
  for (const keeper of ["operator", "bureau"]) {
    const transcripts = network.net.node(keeper).services.openStore<Transcript>("transcripts");
    const { contributions } = (await transcripts.get(computation))!.result;
    expect(contributions.map(({ member, words }) => [member, words])).toEqual(PROVIDERS.map((one) => [one, undefined]));
  }
  const kept = network.net.node("operator").services.openBlobs("contribution-chunks");
  await vi.waitFor(async () => expect(await kept.folders()).toEqual([]), { timeout: PATIENCE_MS, interval: 200 });
});
