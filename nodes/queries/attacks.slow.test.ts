/** Encrypted queries under attack: deaths of the provider, calls at once, what is no query, and who lies. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countQueries, readQueryAnswered } from "../../chaincode/rules/keys.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { signStatement } from "../../crypto/suites/signed.ts";
import { record } from "../../exchange/requests/record.ts";
import { QUERY_PARAMETERS_ID } from "../../ledger/audit/query-statements.ts";
import { createNetwork, type Network, PROVIDERS, SUM_BY_YEAR } from "../computations/_network.ts";
import { type Context, createContext } from "../computations/context.ts";
import { createGauges } from "../computations/gauges.ts";
import { runQueryTask } from "../he/query.ts";
import type { NodeServices } from "../runtime/services.ts";
import { bytesDigest, createAnswering } from "./answering.ts";
import { createAsking } from "./asking.ts";
import { type QueryCall, QueryReply, queryPath, seedOf } from "./messages.ts";

let network: Network;
const FIGURES = 10;

beforeAll(async () => {
  network = await createNetwork({
    logLevel: process.env.LOG ?? "silent",
    members: [
      { id: "operator", kind: "industry" },
      { id: "ministry", kind: "government" },
      { id: "bureau", kind: "government" },
      ...PROVIDERS.map((id) => ({ id, kind: "enterprise" as const, attributes: { sector: "17" }, reachable: true })),
    ],
    policy: (member) => ({ minimumOrganisations: 5, ...(member === "alpha" ? { answers: FIGURES } : {}) }),
  });
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
});

const services = (member: string): NodeServices => network.net.node(member).services as NodeServices;
const contextOf = (member: string, change: Partial<NodeServices> = {}): Context =>
  createContext({ ...services(member), ...change }, createGauges());

/** A request that is agreed on, and its agreement. */
async function agreed(figures = FIGURES): Promise<{ readonly request: string; readonly agreement: string }> {
  const request = await network.submit({
    assets: ["alpha:panel"],
    query: SUM_BY_YEAR,
    receiverMode: "direct",
    receiver: "ministry",
    encryptedQuery: { figures },
  });
  const { assets } = await network.state(request, ["agreed"]);
  return { request, agreement: assets[0]!.agreement! };
}
const figure = (id: string, ...weights: readonly (readonly [string, string])[]) => ({
  id,
  terms: weights.map(([year, weight]) => ({ group: { year }, measure: "output", weight })),
});

type Blobs = Awaited<ReturnType<typeof encrypted>>;
const encrypted = async (about: { readonly agreement: string; readonly number: number }) =>
  await runQueryTask({ kind: "encrypt", seed: seedOf(about), lists: [[1n, 0n]] });

/** A call as the requester would sign it, whatever is in it. */
function signedCall(
  about: { readonly request: string; readonly agreement: string; readonly number: number },
  { publicKey, queries }: Pick<Blobs, "publicKey" | "queries">,
  at = "2026-06-01T00:00:00.000Z",
): QueryCall {
  const query = signStatement(services("ministry").identity, "query", {
    request: about.request,
    agreement: about.agreement,
    number: about.number,
    parameters: QUERY_PARAMETERS_ID,
    publicKey: bytesDigest(publicKey),
    lists: queries.map(bytesDigest),
    at,
  });
  return { query, publicKey: toBase64url(publicKey), lists: queries.map(toBase64url) };
}
const refusalOf = async (answer: Promise<unknown>): Promise<string> =>
  await answer.then(
    () => "answered",
    (error: Error) => error.message,
  );

describe("a provider that dies", () => {
  class Died extends Error {}

  /** Alpha's services, which end for ever at one write: before it is there, or after it is and nobody knows. */
  function mortal(death: { readonly nth: number; readonly when: "before" | "after" }): Partial<NodeServices> {
    const alive = services("alpha");
    let writes = 0;
    let isDead = false;
    const mortally = async <T>(write: () => Promise<T>): Promise<T> => {
      writes += 1;
      const isPoint = !isDead && writes === death.nth;
      isDead ||= isPoint;
      if (isDead && !(isPoint && death.when === "after")) throw new Died();
      await write();
      if (isDead) throw new Died();
      return await write();
    };
    return {
      openStore: ((name: string) => {
        const store = alive.openStore(name);
        return { ...store, put: (id: string, value: unknown) => mortally(() => store.put(id, value)) };
      }) as NodeServices["openStore"],
      ledger: { ...alive.ledger, submit: (all) => mortally(() => alive.ledger.submit(all)) },
      accessLog: { ...alive.accessLog, append: (entry) => mortally(() => alive.accessLog.append(entry)) },
    };
  }

  test("gives the answer that it kept, counts it once and has a line of it in its access log, wherever it died", async () => {
    const { request, agreement } = await agreed();
    const { ledger, accessLog } = services("alpha");
    const linesOf = async (answer: number) =>
      (await accessLog.read(0, accessLog.size())).filter(({ event }) =>
        event.action.startsWith(`encrypted query ${answer} request ${request}`),
      );
    const heard: string[] = [];
    let blobs: Blobs | undefined;
    let number = 0;
    // Release, answer, ledger, access log: each write before and after.
    for (const nth of [1, 2, 3, 4]) {
      for (const when of ["before", "after"] as const) {
        number += 1;
        // What is kept is compared; read is only what was computed anew.
        const isRead = nth === 1 || (nth === 2 && when === "before");
        if (isRead) blobs = await encrypted({ agreement, number });
        const call = signedCall({ request, agreement, number }, blobs!);
        const dying = createAnswering(contextOf("alpha", mortal({ nth, when })));
        await expect(dying.answer("ministry", request, call)).rejects.toThrow(Died);
        const kept = await services("alpha")
          .openStore<{ number: number; reply: QueryReply }>("encrypted-queries")
          .get(agreement);
        const recorded = await readQueryAnswered(ledger, agreement, number);
        const reborn = createAnswering(contextOf("alpha"));
        const reply = await reborn.answer("ministry", request, call);
        expect(await linesOf(number)).not.toEqual([]);
        if (kept?.number === number) expect(reply).toEqual(kept.reply);
        if (recorded !== undefined) expect(recorded.body.answer).toBe(digestOf(reply.answer));
        expect((await readQueryAnswered(ledger, agreement, number))?.body.answer).toBe(digestOf(reply.answer));
        expect(await reborn.answer("ministry", request, call)).toEqual(reply);
        expect(await countQueries(ledger, agreement)).toEqual({ answers: number, figures: number });
        expect(kept?.number === number).toBe(!isRead);
        if (!isRead) continue;
        const answers = reply.answers.map((text) => fromBase64url(text, "answer"));
        heard.push(`${await runQueryTask({ kind: "read", secretKey: blobs!.secretKey, answers })}`);
      }
    }
    expect(heard).toEqual(["31765", "31765", "31765"]);
  });

  test("answers no other question with a number whose answer it kept", async () => {
    const { request, agreement } = await agreed();
    const blobs = await encrypted({ agreement, number: 1 });
    const call = signedCall({ request, agreement, number: 1 }, blobs);
    const other = signedCall({ request, agreement, number: 1 }, blobs, "2026-06-01T00:00:01.000Z");
    const dying = createAnswering(contextOf("alpha", mortal({ nth: 3, when: "before" })));
    await expect(dying.answer("ministry", request, call)).rejects.toThrow(Died);
    const reborn = createAnswering(contextOf("alpha"));
    expect(await refusalOf(reborn.answer("ministry", request, other))).toMatch(/its number is not the next/);
    // Its own answer was put on record meanwhile: it counts, and is there for who asked.
    expect(await countQueries(services("alpha").ledger, agreement)).toEqual({ answers: 1, figures: 1 });
    expect((await reborn.answer("ministry", request, call)).answer.statement.query).toBe(digestOf(call.query));
  });

  test("answers nothing more under an agreement whose answers it has lost", async () => {
    const { request, agreement } = await agreed();
    const answering = createAnswering(contextOf("alpha"));
    const first = signedCall({ request, agreement, number: 1 }, await encrypted({ agreement, number: 1 }));
    await answering.answer("ministry", request, first);
    const restored: Partial<NodeServices> = {
      openStore: ((name: string) => {
        const store = services("alpha").openStore(name);
        return name === "encrypted-queries" ? { ...store, get: async () => undefined } : store;
      }) as NodeServices["openStore"],
    };
    const next = signedCall({ request, agreement, number: 2 }, await encrypted({ agreement, number: 2 }));
    const forgetful = createAnswering(contextOf("alpha", restored));
    expect(await refusalOf(forgetful.answer("ministry", request, next))).toMatch(/has lost answers/);
    // The history lost as well: the ledger tells that there was a release.
    const emptied: Partial<NodeServices> = {
      openStore: ((name: string) => {
        const store = services("alpha").openStore(name);
        return name === "release-history" ? { ...store, async *entries() {} } : store;
      }) as NodeServices["openStore"],
    };
    const amnesiac = createAnswering(contextOf("alpha", emptied));
    expect(await refusalOf(amnesiac.answer("ministry", request, next))).toMatch(/does not remember release/);
  });
});

test("of a hundred queries at once under an agreement on ten figures exactly ten are answered", async () => {
  const { request, agreement } = await agreed(10);
  const blobs = await encrypted({ agreement, number: 1 });
  const answering = createAnswering(contextOf("alpha"));
  const calls = Array.from({ length: 100 }, (_, i) =>
    signedCall({ request, agreement, number: (i % 20) + 1 }, blobs, `2026-06-01T00:0${Math.floor(i / 20)}:00.000Z`),
  );
  const outcomes = await Promise.all(calls.map((call) => refusalOf(answering.answer("ministry", request, call))));
  expect(outcomes.filter((one) => one === "answered")).toHaveLength(10);
  expect(outcomes.filter((one) => /at most 10 figures/.test(one))).not.toEqual([]);
  expect(await countQueries(services("alpha").ledger, agreement)).toEqual({ answers: 10, figures: 10 });
});

describe("at the provider's endpoint", () => {
  const post = async (request: string, body: object) => {
    const { peers, members } = services("ministry");
    return await refusalOf(
      peers.call(await members.target("alpha"), {
        method: "POST",
        path: queryPath(request),
        body,
        response: QueryReply,
        timeoutMs: 90_000,
      }),
    );
  };

  test("truncated, oversized, foreign and unsigned bytes are refused, and count for nothing", async () => {
    const { request, agreement } = await agreed();
    const about = { request, agreement, number: 1 };
    const { publicKey, queries } = await encrypted(about);
    const [query] = queries;
    const changed = (bytes: Uint8Array, at: number, value: number) => Uint8Array.from(bytes).fill(value, at, at + 8);
    const with_ = (change: Partial<Pick<Blobs, "publicKey" | "queries">>) =>
      signedCall(about, { publicKey, queries, ...change });
    const wrong: readonly (readonly [QueryCall | object, RegExp])[] = [
      [with_({ queries: [query!.subarray(0, -1)] }), /422|400/],
      [with_({ queries: [Uint8Array.from([...query!, 0])] }), /422|400/],
      [with_({ queries: [changed(query!, 16, 0)] }), /422|400/],
      [with_({ queries: [changed(query!, 113, 255)] }), /422|400/],
      [with_({ queries: [Uint8Array.from(query!).fill(0, 113 + 8 * 4 * 16_384)] }), /422|400/],
      [with_({ publicKey: publicKey.subarray(8) }), /422|400/],
      [with_({ publicKey: query! }), /422|400/],
      [with_({ publicKey: changed(publicKey, 0, 255) }), /422|400/],
      [{ ...with_({}), lists: [toBase64url(changed(query!, 200, 1))] }, /422|400/],
      [{ ...with_({}), lists: [toBase64url(new Uint8Array(1_600_000))] }, /400/],
      [{ ...with_({}), lists: new Array(5).fill(with_({}).lists[0]) }, /400|413/],
      [{ ...with_({}), extra: "A".repeat(9_000_000) }, /413|TOO_LARGE|UNREACHABLE|closed/],
      [signedCall({ ...about, number: 2 }, { publicKey, queries }), /409/],
      [signedCall({ ...about, agreement: request }, { publicKey, queries }), /403/],
    ];
    for (const [at, [call, expected]] of wrong.entries()) {
      expect([at, await post(request, call)]).toEqual([at, expect.stringMatching(expected)]);
    }
    // Signed by somebody else, and brought by somebody else.
    const good = signedCall(about, { publicKey, queries });
    const forged = { ...good, query: signStatement(services("bureau").identity, "query", good.query.statement) };
    expect(await post(request, forged)).toMatch(/403/);
    const { peers, members } = services("bureau");
    const brought = peers.call(await members.target("alpha"), {
      method: "POST",
      path: queryPath(request),
      body: good,
      response: QueryReply,
    });
    expect(await refusalOf(brought)).toMatch(/404/);
    expect(await countQueries(services("alpha").ledger, agreement)).toEqual({ answers: 0, figures: 0 });
  });

  test("a key or a list that is none is refused before any table is read", async () => {
    const { request, agreement } = await agreed();
    const about = { request, agreement, number: 1 };
    const { publicKey, queries } = await encrypted(about);
    let reads = 0;
    const reading = contextOf("alpha");
    const answering = createAnswering({
      ...reading,
      assets: {
        ...reading.assets,
        read: (...all) => {
          reads += 1;
          return reading.assets.read(...all);
        },
      },
    });
    const beyond = (bytes: Uint8Array, at: number) => Uint8Array.from(bytes).fill(255, at, at + 8);
    const wrong: Pick<Blobs, "publicKey" | "queries">[] = [
      { publicKey: beyond(publicKey, 0), queries },
      { publicKey: beyond(publicKey, publicKey.length - 8), queries },
      { publicKey: publicKey.subarray(8), queries },
      { publicKey: queries[0]!, queries },
      { publicKey, queries: [beyond(queries[0]!, 113)] },
      { publicKey, queries: [queries[0]!, queries[0]!.subarray(0, -8)] },
      { publicKey, queries: [Uint8Array.from(queries[0]!).fill(0, 113 + 8 * 4 * 16_384)] },
    ];
    for (const blobs of wrong) {
      expect(await refusalOf(answering.answer("ministry", request, signedCall(about, blobs)))).toMatch(
        /public key|ciphertext/,
      );
    }
    expect(reads).toBe(0);
    expect(await refusalOf(answering.answer("ministry", request, signedCall(about, { publicKey, queries })))).toBe(
      "answered",
    );
    expect(reads).toBeGreaterThan(0);
  });

  test("a query heard again is answered with the same bytes, and under another request not at all", async () => {
    const [one, two] = [await agreed(), await agreed()];
    const call = signedCall({ ...one, number: 1 }, await encrypted({ ...one, number: 1 }));
    expect([await post(one.request, call), await post(one.request, call)]).toEqual(["answered", "answered"]);
    expect(await countQueries(services("alpha").ledger, one.agreement)).toEqual({ answers: 1, figures: 1 });
    expect(await post(two.request, call)).toMatch(/403/);
    expect(await countQueries(services("alpha").ledger, two.agreement)).toEqual({ answers: 0, figures: 0 });
  });
});

describe("a provider that lies to the requester", () => {
  /** Ministry's node, whose calls about queries alpha answers so. */
  const askingOf = (reply: (call: QueryCall) => Promise<QueryReply>) => {
    const alive = services("ministry");
    const call = async (_target: unknown, { body }: { body?: unknown }) => await reply(body as QueryCall);
    return createAsking(contextOf("ministry", { peers: { ...alive.peers, call: call as typeof alive.peers.call } }));
  };
  const answered = async (call: QueryCall, cells: readonly bigint[]): Promise<QueryReply> => {
    const { statement } = call.query;
    const [publicKey, ...queries] = [call.publicKey, ...call.lists].map((text) => fromBase64url(text, "query"));
    const seed = seedOf(statement);
    const answers = await runQueryTask({ kind: "answer", seed, publicKey: publicKey!, queries, cells });
    const { request, agreement, number } = statement;
    return {
      answer: signStatement(services("alpha").identity, "query", {
        request,
        agreement,
        number,
        query: digestOf(call.query),
        answers: answers.map(bytesDigest),
        cells: digestOf("cells"),
        leftOut: [],
        figures: number,
        at: "2026-06-01T00:00:00.000Z",
      }),
      answers: answers.map(toBase64url),
    };
  };
  const recorded = async ({ answer }: QueryReply) => {
    const { agreement, number, query, answers } = answer.statement;
    const body = { agreement, number, figures: answers.length, query, answer: digestOf(answer) };
    await record(contextOf("alpha").party, "query.answer", body, { answer: { agreement, number } });
  };

  test("with a function whose values no sum of cells can have is found out, and learns nothing of it", async () => {
    const { request } = await agreed();
    const asking = askingOf(async (call) => {
      const reply = await answered(call, [10n ** 12n, 0n]);
      await recorded(reply);
      return reply;
    });
    const { figures } = await asking.ask(request, [figure("a", ["2024", "1"])]);
    expect(figures).toEqual([{ id: "a", value: null, impossible: true }]);
    // The next query has the next number, as after any other answer.
    const again = askingOf(async (call) => {
      expect(call.query.statement.number).toBe(2);
      throw new Error("enough");
    });
    await expect(again.ask(request, [figure("b", ["2024", "1"])])).rejects.toThrow("enough");
  });

  test("with bytes that are no ciphertext has said them for good: the next query has the next number", async () => {
    const { request } = await agreed();
    for (const bytes of [new Uint8Array(0), new Uint8Array(9), new Uint8Array(65_536).fill(255)]) {
      const asking = askingOf(async (call) => {
        const { answer } = await answered(call, [31_765n, 39_182n]);
        const statement = { ...answer.statement, answers: [bytesDigest(bytes)] };
        const reply = {
          answer: signStatement(services("alpha").identity, "query", statement),
          answers: [toBase64url(bytes)],
        };
        await recorded(reply);
        return reply;
      });
      const { figures } = await asking.ask(request, [figure("a", ["2024", "1"])]);
      expect(figures).toEqual([{ id: "a", value: null, impossible: true }]);
    }
    expect((await askingOf(async () => ({}) as QueryReply).list(request)).map(({ number }) => number)).toEqual([
      1, 2, 3,
    ]);
  });

  test("with an answer that it has put on record under another agreement gets nowhere: evidence would have a gap", async () => {
    const [{ request, agreement }, other] = [await agreed(), await agreed()];
    const asking = askingOf(async (call) => {
      const { answer, answers } = await answered(call, [31_765n, 39_182n]);
      const elsewhere = { ...answer.statement, agreement: other.agreement };
      const reply = { answer: signStatement(services("alpha").identity, "query", elsewhere), answers };
      await recorded(reply);
      return reply;
    });
    await expect(asking.ask(request, [figure("a", ["2024", "1"])])).rejects.toThrow(/is not the query's/);
    expect(await countQueries(services("ministry").ledger, agreement)).toEqual({ answers: 0, figures: 0 });
    expect(await asking.list(request)).toEqual([]);
  });

  test("with an answer that is on record for another query, or signed for another, gets nowhere", async () => {
    const { request } = await agreed();
    let first: QueryReply | undefined;
    const honest = askingOf(async (call) => {
      first = await answered(call, [31_765n, 39_182n]);
      await recorded(first);
      return first;
    });
    expect((await honest.ask(request, [figure("a", ["2025", "1"])])).figures).toEqual([{ id: "a", value: "3918.2" }]);
    const replaying = askingOf(async () => first!);
    await expect(replaying.ask(request, [figure("b", ["2024", "1"])])).rejects.toThrow(/is not the query's/);
    // Recorded is one answer, given is another.
    const swapping = askingOf(async (call) => {
      await recorded(await answered(call, [31_765n, 39_182n]));
      return await answered(call, [1n, 1n]);
    });
    await expect(swapping.ask(request, [figure("b", ["2024", "1"])])).rejects.toThrow(/is not on the ledger/);
  });
});
