/** kill -9 of a provider of joins, between its calls: every run ends, none is told twice or otherwise, and none is forgotten. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { countJoins, readJoinEnded } from "../../chaincode/rules/keys.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { answerOf } from "../attacks/_calls.ts";
import { createFront } from "../attacks/_front.ts";
import { COMMON, createJoined, type Joined, type JoinView } from "./_joined.ts";

const program = fileURLToPath(new URL("../../bin/sealane.js", import.meta.url));
const front = createFront();
let joined: Joined;
let request: string;
let child: ChildProcess | undefined;
let start: () => Promise<void>;
/** By run: what the provider has said is told. */
const told = new Map<string, Set<string>>();
const answered = new Set<string>();

beforeAll(async () => {
  joined = await createJoined(
    { operations: ["intersection"], leastItems: 20, minimumGroup: 5, runs: 40 },
    { fronts: { alpha: front.open } },
  );
  request = await joined.ask({ operation: "intersection" });
  front.lie(async ({ method, path }, next) => {
    const answer = await next();
    const [, run = "", rest] = /\/joins\/([^/]+)(\/answer)?/.exec(path) ?? [];
    if (method === "GET" && rest !== undefined && answer.status === 200) answered.add(run);
    const { release } =
      method === "GET" && rest === undefined && answer.status === 200 && !path.includes("holder")
        ? parsed(answer.body)
        : {};
    if (release !== undefined) told.set(run, (told.get(run) ?? new Set()).add(digestOf(release)));
    return answer;
  });
  const { net } = joined.network;
  const { address, token } = net.node("alpha");
  const dir = join(net.dir, "alpha");
  await net.stop("alpha");
  start = async () => {
    const said: string[] = [];
    const started = spawn(process.execPath, [program, "node", "start", "--dir", dir]);
    for (const output of [started.stdout, started.stderr]) output.on("data", (text) => said.push(String(text)));
    child = started;
    for (let tries = 0; tries < 600 && started.exitCode === null; tries++) {
      const headers = { authorization: `Bearer ${token}` };
      const signal = AbortSignal.timeout(10_000);
      const answer = await fetch(`${address.api}/api/v1/requests`, { headers, signal }).catch(() => undefined);
      await answer?.arrayBuffer();
      if (answer?.ok === true) return;
      await sleep(100);
    }
    throw new Error(`the provider does not start: ${started.exitCode}\n${said.join("").slice(-4_000)}`);
  };
  await start();
});
afterAll(async () => {
  child?.kill("SIGKILL");
  await joined?.[Symbol.asyncDispose]();
});

const parsed = (body: Buffer): { release?: unknown } => {
  try {
    return JSON.parse(body.toString());
  } catch {
    return {};
  }
};
async function strike(): Promise<void> {
  const struck = child!;
  const gone = once(struck, "exit");
  struck.kill("SIGKILL");
  await gone;
}

const CALLS: readonly [method: string, path: RegExp][] = [
  ["POST", /\/joins\/[^/]+$/],
  ["PUT", /\/asker\/0$/],
  ["GET", /\/holder\/0$/],
  ["PUT", /\/again\/0$/],
  ["GET", /\/answer\/0$/],
  ["DELETE", /\/joins\/[^/]+$/],
];
const MOMENTS = CALLS.flatMap(([method, path]) =>
  (["before", "after"] as const).map((when) => [`${when} ${method} ${path.source}`, when, method, path] as const),
);

test.each(MOMENTS)(
  "killed %s, the run ends as the ledger says, and is told once at most",
  async (_name, when, method, path) => {
    const reached = Promise.withResolvers<void>();
    let isStruck = false;
    const stop = front.lie(async (call, next) => {
      if (isStruck || call.method !== method || !path.test(call.path)) return await next();
      isStruck = true;
      if (when === "after") await next();
      await strike();
      reached.resolve();
      return answerOf({ code: "ERR_TEST" }, 503);
    });
    const { run, number } = await joined.begin(request);
    await reached.promise;
    stop();
    await start();
    const view = (await joined.ended(request, number)) as JoinView & { release?: unknown };
    const ended = await endOf(run);
    expect(["released", "failed"]).toContain(ended?.outcome);
    const said = [...(told.get(run) ?? [])];
    expect(said.length).toBeLessThanOrEqual(1);
    if (said.length > 0 || answered.has(run)) expect(ended).toMatchObject({ outcome: "released" });
    for (const one of said) expect(one).toBe(ended?.release);
    if (view.state === "released") {
      expect(view.result?.keys).toBe(COMMON.length);
      expect(digestOf(view.release)).toBe(ended?.release);
    } else expect(view.result).toBeUndefined();
  },
  240_000,
);

test("every run counts, and the next one works", async () => {
  const all = await joined.joins(request);
  expect(all).toHaveLength(MOMENTS.length);
  const { ledger } = joined.network.net.node("bureau").services;
  expect(await countJoins(ledger, (all[0] as unknown as { agreement: string }).agreement)).toBe(MOMENTS.length);
  expect(await joined.run(request)).toMatchObject({ state: "released", result: { keys: COMMON.length } });
});

async function endOf(run: string) {
  const { ledger } = joined.network.net.node("bureau").services;
  for (let tries = 0; tries < 600; tries++) {
    const ended = await readJoinEnded(ledger, run);
    if (ended !== undefined) return ended.body;
    await sleep(100);
  }
  return undefined;
}
