/** Joins with a side that lies, goes away or is started again: nothing is told, and the ledger says that the run has failed. */
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Type } from "typebox";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readJoinEnded, readRequestAgreements } from "../../chaincode/rules/keys.ts";
import { runText } from "../../crypto/psi/commitment.ts";
import { maskingOf, psiKey } from "../../crypto/psi/masking.ts";
import { slowP256 } from "../../crypto/psi/openssl-p256.ts";
import { inOrder, sortedOrder } from "../../crypto/psi/sorting.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { type Signed, signStatement } from "../../crypto/suites/signed.ts";
import { record } from "../../exchange/requests/record.ts";
import type { Answer, Call } from "../attacks/_calls.ts";
import { createFront, type Rule } from "../attacks/_front.ts";
import { createContext } from "../computations/context.ts";
import { createGauges } from "../computations/gauges.ts";
import type { PeerError } from "../peer/peer-error.ts";
import { storeOwn } from "../psi/stored-party.ts";
import type { NodeServices } from "../runtime/services.ts";
import { COMMON, createJoined, type Joined, LIST } from "./_joined.ts";
import { createAsking } from "./asking.ts";
import { createHolding } from "./holding.ts";
import { joinPaths } from "./messages.ts";

const front = createFront();
let joined: Joined;
let request: string;
let folder: string;
let honest: (() => void)[] = [];
/** Ends of runs that the test has begun itself: each has a place at the provider until then. */
const byHand: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  joined = await createJoined(
    { operations: ["intersection", "cardinality", "statistics"], leastItems: 20, minimumGroup: 5, runs: 40 },
    { fronts: { alpha: front.open } },
  );
  request = await joined.ask({ operation: "intersection" });
});
afterAll(async () => {
  await joined[Symbol.asyncDispose]();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sealane-lies-"));
});
afterEach(async () => {
  for (const stop of honest) stop();
  honest = [];
  for (const end of byHand.splice(0)) await status(end());
  await rm(folder, { recursive: true, force: true });
});

const lie = (rule: Rule) => void honest.push(front.lie(rule));
const node = (member: string) => joined.network.net.node(member).services;
const endOf = async (run: string) => {
  for (let i = 0; ; i++) {
    const ended = await readJoinEnded(node("bureau").ledger, run);
    if (ended !== undefined || i > 400) return ended?.body;
    await sleep(50);
  }
};
const status = async (call: Promise<unknown>): Promise<number | "done"> =>
  await call.then(
    () => "done" as const,
    (error: PeerError) => error.answer?.status ?? 0,
  );

/** A run by hand: commitment and agreement are sound, and everything after is the test's. */
async function begun(by = "ministry", items = LIST.map(({ item }) => item), under = request) {
  const run = new Uint8Array(randomBytes(16));
  const masking = maskingOf(psiKey(randomBytes(48)), run, slowP256);
  const port = {
    maskItems: async (all: readonly string[]) => masking.maskItems(all),
    remask: async (points: Uint8Array) => masking.remask(points),
  };
  const id = runText(run);
  const side = { variant: "intersection", side: "asker", run, salt: randomBytes(32) } as const;
  const own = await storeOwn(side, port, items, items.length, join(folder, `own-${id}`));
  const other = await storeOwn(
    side,
    port,
    items.toReversed().with(0, "another"),
    items.length,
    join(folder, `other-${id}`),
  );
  const [agreement] = await readRequestAgreements(node("ministry").ledger, under);
  const before = made.get(under) ?? 0;
  const number = (await joined.joins(under)).length + 1 + before;
  made.set(under, before + 1);
  const { network, identity, ledger } = node("ministry");
  const body = { run: id, agreement: agreement!.agreement.agreement, number, operation: "intersection" as const };
  const { size, root } = own.commitment;
  await record({ network, identity, ledger }, "join.open", { ...body, size, root }, id);
  const target = await node("ministry").members.target("alpha");
  const call = (method: "GET" | "POST" | "PUT" | "DELETE", path: string, sent?: unknown, from = by, attempts = 8) =>
    node(from).peers.call(target, { method, path, body: sent, response: Type.Any(), attempts });
  const open = (attempts?: number) =>
    call("POST", joinPaths.run(id), { request: under, salt: toBase64url(own.salt) }, by, attempts);
  const end = () => call("DELETE", joinPaths.run(id));
  byHand.push(end);
  const view = async () => (await call("GET", joinPaths.run(id))) as { state: string; reason?: string };
  async function committed() {
    await open();
    for (let i = 0; i < 400 && (await view()).state === "opened"; i++) await sleep(25);
  }
  async function frames(list: typeof own): Promise<Uint8Array> {
    const all: Uint8Array[] = [];
    for await (const frame of list.frames()) all.push(frame);
    return all[0]!;
  }
  const put = (frame: unknown, index = 0, list: "asker" | "again" = "asker", from = by) =>
    call("PUT", joinPaths.frame(id, list, index), frame, from);
  /** The holder's list of one frame, masked again and sorted. */
  async function broughtBack(frame: Uint8Array): Promise<Uint8Array> {
    const points = masking.remask(frame.subarray(29));
    const head = Buffer.from(frame.subarray(0, 29));
    head[4] = 1;
    return Buffer.concat([head, inOrder(points, sortedOrder(points))]);
  }
  const salt = toBase64url(own.salt);
  const [frame, otherFrame] = [await frames(own), await frames(other)];
  return { id, salt, call, open, end, view, committed, put, frame, otherFrame, broughtBack };
}
/** By request: runs by hand, which the requester's own list does not have. */
const made = new Map<string, number>();

describe("an asker that", () => {
  test.each<[string, (frame: Uint8Array, other: Uint8Array) => Uint8Array]>([
    ["changes a byte of an item", (frame) => frame.with(40, frame[40]! ^ 1)],
    ["sends another list than it has committed to", (_frame, other) => other],
    ["sends the head of another run", (frame) => frame.with(6, frame[6]! ^ 1)],
    ["sends a shorter frame", (frame) => frame.subarray(0, frame.length - 32)],
  ])("%s gets nothing, and the run has failed for everyone", async (_name, changed) => {
    const run = await begun();
    await run.committed();
    await status(run.put(changed(run.frame, run.otherFrame)));
    expect(await endOf(run.id)).toEqual({ run: run.id, outcome: "failed", reason: "protocol" });
    expect(await run.view()).toEqual({ state: "failed", reason: "protocol" });
    expect(await status(run.call("GET", joinPaths.frame(run.id, "holder", 0)))).toBe(409);
  });

  test("sends its frame again is answered once; as another one, or larger than a frame, it is refused", async () => {
    const run = await begun();
    await run.committed();
    expect(await status(run.put(run.frame, 1))).toBe(409);
    expect(await status(run.put(new Uint8Array(200_000)))).toBe(413);
    expect(await status(run.call("GET", joinPaths.frame(run.id, "holder", 0)))).toBe(409);
    expect(await status(run.put(run.frame))).toBe("done");
    expect(await status(run.put(run.frame))).toBe("done");
    expect(await status(run.put(run.otherFrame))).toBe(409);
    expect(await status(run.put(run.frame, 1))).toBe(409);
    for (let i = 0; i < 400 && (await run.view()).state === "committed"; i++) await sleep(25);
    expect(await run.view()).toMatchObject({ state: "received" });
  });

  test("is another member, or names a run that is not on the ledger, gets nothing", async () => {
    const run = await begun();
    await run.committed();
    for (const other of ["beta", "bureau"]) {
      expect(await status(run.call("GET", joinPaths.run(run.id), undefined, other))).toBe(404);
      expect(await status(run.put(run.frame, 0, "asker", other))).toBe(404);
      expect(
        await status(
          run.call("POST", joinPaths.run(runText(randomBytes(16))), { request, salt: "A".repeat(43) }, other),
        ),
      ).toBe(404);
    }
    const path = joinPaths.run(runText(randomBytes(16)));
    const target = await node("ministry").members.target("alpha");
    const call = {
      method: "POST",
      path,
      body: { request, salt: "A".repeat(43) },
      response: Type.Any(),
      attempts: 1,
    } as const;
    expect(await status(node("ministry").peers.call(target, call))).toBe(503);
  });

  test("brings back points that are not the holder's finds nothing: below the minimum it is not told how many", async () => {
    const run = await begun();
    await run.committed();
    await run.put(run.frame);
    const masking = maskingOf(psiKey(randomBytes(48)), randomBytes(16), slowP256);
    const points = masking.maskItems(Array.from({ length: 300 }, (_, i) => `x${i}`));
    const sorted = Array.from({ length: 300 }, (_, i) => points.subarray(32 * i, 32 * i + 32)).sort(Buffer.compare);
    const head = Buffer.from(run.frame.subarray(0, 29));
    head[4] = 1;
    head.writeUInt32BE(300, 25);
    await expect.poll(run.view).toMatchObject({ state: "received" });
    expect(await status(run.put(Buffer.concat([head, ...sorted]), 0, "again"))).toBe("done");
    expect(await endOf(run.id)).toEqual({ run: run.id, outcome: "withheld", reason: "minimum-group" });
  });
});

test("a fourth run of one asker is asked to come later while three are open, and one that has ended gives its place away", async () => {
  const runs: Awaited<ReturnType<typeof begun>>[] = [];
  for (let i = 0; i < 4; i++) {
    runs.push(await begun("ministry", undefined, await joined.ask({ operation: "intersection", items: 201 + i })));
  }
  for (const run of runs.slice(0, 3)) await run.open();
  const fourth = runs[3]!;
  expect(await status(fourth.open(1))).toBe(503);
  await runs[0]!.open();
  await runs[1]!.end();
  expect(await endOf(runs[1]!.id)).toMatchObject({ outcome: "failed", reason: "abandoned" });
  expect(await status(fourth.open())).toBe("done");
});

test("a later run under a request ends those before it, so an asker that was killed is not shut out by its own", async () => {
  const [first, second] = [await begun(), await begun()];
  await first!.open();
  expect(await status(second!.open())).toBe("done");
  expect(await endOf(first!.id)).toMatchObject({ outcome: "failed", reason: "abandoned" });
  expect(await first!.view()).toEqual({ state: "failed", reason: "abandoned" });
});

test("a requester has one run of a request under way at a time", async () => {
  const reached = Promise.withResolvers<void>();
  lie(async ({ path, method }, next) => {
    if (method === "PUT" && path.includes("/asker/")) reached.resolve();
    return method === "PUT" ? { status: 503, body: Buffer.from('{"code":"ERR_TEST"}') } : await next();
  });
  const { number } = await joined.begin(request);
  await reached.promise;
  await expect(joined.begin(request)).rejects.toThrow(/409.*a run is under way/);
  honest.pop()?.();
  expect(await joined.ended(request, number)).toMatchObject({ number });
});

describe("a holder whose answers are changed", () => {
  const change =
    (part: RegExp, changed: (body: Buffer) => Buffer): Rule =>
    async ({ path, method }: Call, next): Promise<Answer> => {
      const answer = await next();
      if (method !== "GET" || !part.test(path)) return answer;
      return { ...answer, body: changed(Buffer.from(answer.body)) };
    };
  const flipped = (body: Buffer) => Buffer.from(body.with(60, body[60]! ^ 1));

  test.each([
    ["its list", /\/holder\/0$/, flipped],
    ["the answer", /\/answer\/0$/, flipped],
    [
      "the number that was released",
      /\/joins\/[^/]+$/,
      (body: Buffer) => Buffer.from(body.toString().replace(`"keys":${COMMON.length}`, '"keys":91')),
    ],
  ] as const)("%s is found out, and nothing of it is taken for a result", async (_what, part, changed) => {
    lie(change(part, changed));
    const { state, result } = await joined.run(request);
    expect([state, result]).toEqual(["failed", undefined]);
  });

  test("by frames of an earlier run is found out", async () => {
    let earlier: Buffer | undefined;
    lie(change(/\/holder\/0$/, (body) => (earlier ??= Buffer.from(body))));
    expect((await joined.run(request)).state).toBe("released");
    lie(change(/\/holder\/0$/, () => earlier!));
    expect(await joined.run(request)).toMatchObject({ state: "failed", reason: "protocol" });
  });
});

describe("a holder that puts on the ledger", () => {
  test.each([
    ["cardinality", "fewer keys than anything is told of", 4],
    ["statistics", "more rows than are ever matched", 2 ** 20 + 1],
  ])("for %s a list of %s gets no list of the asker's", async (operation, _what, size) => {
    const asked = await joined.ask({ operation });
    const brought: string[] = [];
    lie(async ({ path, method }, next) => {
      if (!path.includes("/joins/")) return await next();
      if (method === "PUT") brought.push(path);
      const run = path.split("/")[4]!;
      if (method === "POST") {
        const { network, identity, ledger } = node("alpha");
        await record({ network, identity, ledger }, "join.commit", { run, size, root: "A".repeat(43) }, run);
      }
      const view = { state: "committed", salt: "A".repeat(43) };
      return { status: 200, body: Buffer.from(JSON.stringify(method === "PUT" ? { taken: 1 } : view)) };
    });
    expect(await joined.run(asked)).toMatchObject({ state: "failed", reason: "rows-unfit" });
    expect(brought).toEqual([]);
  });
});

describe("a holder that answers each call in the last moment", () => {
  /** Ministry's side by a clock that goes on with each of its calls of that method about a run. */
  async function asking(method: string, seconds: number) {
    const services = node("ministry") as NodeServices;
    const ctx = createContext(services, createGauges());
    let late = 0;
    let calls = 0;
    lie(async (call, next) => {
      if (call.method === method && call.path.includes("/joins/")) {
        calls += 1;
        late += 1000 * seconds;
      }
      if (calls > 100) return { status: 403, body: Buffer.from('{"code":"ERR_TEST"}') };
      if (call.method !== "GET" || !/\/joins\/[^/]+$/.test(call.path)) return await next();
      return { status: 200, body: Buffer.from('{"state":"opened"}') };
    });
    const asked = createAsking({ ...ctx, clock: () => ctx.clock() + late });
    const { run } = await asked.begin(
      request,
      LIST.map(({ item }) => ({ item })),
    );
    return { run, calls: () => calls };
  }

  test.each([
    ["is left after half an hour in which nothing was new", "GET", 60, 30],
    ["is left after six hours, whatever is new", "POST", 7 * 3600, 0],
  ])("%s", async (_what, method, seconds, most) => {
    const { run, calls } = await asking(method, seconds);
    expect(await endOf(run)).toMatchObject({ outcome: "failed", reason: "abandoned" });
    if (method === "GET") expect(calls()).toBeLessThanOrEqual(most);
  });
});

describe("a start in the middle", () => {
  const stuck = () => {
    const reached = Promise.withResolvers<void>();
    lie(async ({ path, method }, next) => {
      if (method !== "PUT" || !path.includes("/asker/")) return await next();
      reached.resolve();
      return { status: 503, body: Buffer.from('{"code":"ERR_TEST"}') };
    });
    return reached.promise;
  };

  test.each(["alpha", "ministry"])(
    "of %s ends the run on both sides and on the ledger, keys and lists are gone, and the next run works",
    async (member) => {
      const reached = stuck();
      const { run, number } = await joined.begin(request);
      await reached;
      await joined.network.net.stop(member);
      const stop = honest.pop();
      stop?.();
      await joined.network.net.start(member);
      expect(await endOf(run)).toEqual({ run, outcome: "failed", reason: "restarted" });
      expect(await joined.ended(request, number)).toMatchObject({ state: "failed" });
      expect((await readdir(node(member).dir)).includes("joins")).toBe(false);
      expect(await joined.run(request)).toMatchObject({ state: "released", result: { keys: COMMON.length } });
    },
  );
});

test("a provider whose access log takes no line tells nothing, although the ledger has its release; once it does, it shows it", async () => {
  const services = node("alpha") as NodeServices;
  const full = "no space left on the device";
  const append = async () => await Promise.reject(new Error(full));
  const holding = createHolding(
    createContext({ ...services, accessLog: { ...services.accessLog, append } }, createGauges()),
  );
  const run = await begun();
  const state = async () =>
    await holding.view("ministry", run.id).then(
      (view) => view.state,
      (error: Error) => error.message,
    );
  const reached = async (name: string) => {
    for (let i = 0; i < 400 && (await state()) !== name; i++) await sleep(25);
    expect(await state()).toBe(name);
  };
  await holding.begin("ministry", run.id, { request, salt: run.salt });
  await reached("committed");
  await holding.put("ministry", run.id, "asker", 0, run.frame);
  await reached("received");
  const again = Buffer.from(await run.broughtBack(await holding.get("ministry", run.id, "holder", 0)));
  await holding.put("ministry", run.id, "again", 0, again);
  await reached(full);
  expect(await endOf(run.id)).toMatchObject({ run: run.id, outcome: "released" });
  // Its own node hears of this release as it starts.
  await joined.network.net.stop("alpha");
  await joined.network.net.start("alpha");
  const lines = async () => {
    const { accessLog } = node("alpha") as NodeServices;
    return (await accessLog.read(0, accessLog.size())).map(({ event }) => event).filter(isOfRun);
  };
  const before = (await lines()).length;
  for (let i = 0; i < 2; i++) expect(await run.view()).toMatchObject({ state: "released" });
  expect((await lines()).length - before).toBe(1);
});
/** Of this request's joins. */
const isOfRun = ({ action }: { readonly action: string }): boolean =>
  action.startsWith("join ") && action.includes(request);

// The last one: alpha's node does not remember what it has not said itself, and begins no run of this table any more.
test("a number below the minimum is found out, whoever has signed it and put it on the ledger", async () => {
  const asked = await joined.ask({ operation: "cardinality" });
  const { agreement } = (await readRequestAgreements(node("ministry").ledger, asked))[0]!.agreement;
  const { network, identity, ledger } = node("alpha");
  let release: Signed<object> | undefined;
  lie(async ({ path, method }, next) => {
    if (!path.includes("/joins/")) return await next();
    const run = path.split("/")[4]!;
    if (method === "PUT" && path.includes("/again/")) {
      const [told, at] = [{ kind: "count", keys: 4 }, "2026-06-01T00:00:00.000Z"];
      release = signStatement(identity, "join", { run, request: asked, agreement, number: 1, minimum: 5, told, at });
      const body = { run, outcome: "released", release: digestOf(release) } as const;
      await record({ network, identity, ledger }, "join.end", body, { run, end: true });
      return { status: 200, body: Buffer.from('{"taken":1}') };
    }
    if (method !== "GET" || release === undefined) return await next();
    return { status: 200, body: Buffer.from(JSON.stringify({ state: "released", release })) };
  });
  const { state, reason, result } = await joined.run(asked);
  expect([state, reason, result]).toEqual(["failed", "protocol", undefined]);
});
