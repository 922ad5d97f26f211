/** A node of a test network that becomes a process of its own, to be killed and started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { digestOf } from "../../crypto/suites/digest.ts";
import type { Call } from "../attacks/_calls.ts";
import { answerOf } from "../attacks/_calls.ts";
import type { Front } from "../attacks/_front.ts";
import type { Testnet } from "../testnet/testnet.ts";

const program = fileURLToPath(new URL("../../bin/sealane.js", import.meta.url));

export interface Struck {
  /** Resolves once it answers. */
  start(): Promise<void>;
  /** kill -9. */
  strike(): Promise<void>;
  /** Files that runs left in its folder. */
  leftovers(): Promise<readonly string[]>;
}

export async function struckNode(net: Testnet, member: string): Promise<Struck> {
  const { address, token } = net.node(member);
  const dir = join(net.dir, member);
  let child: ChildProcess | undefined;
  await net.stop(member);

  async function start(): Promise<void> {
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
    throw new Error(`${member} does not start: ${started.exitCode}\n${said.join("").slice(-4_000)}`);
  }

  await start();
  return {
    start,
    async strike() {
      const struck = child!;
      if (struck.exitCode !== null || struck.signalCode !== null) return;
      const gone = once(struck, "exit");
      struck.kill("SIGKILL");
      await gone;
    },
    leftovers: async () => await readdir(join(dir, "joins")).catch(() => []),
  };
}

export type Moment = readonly [when: "before" | "after", method: string, path: RegExp];

/** Kills once, as the call comes to the front or as its answer leaves; resolves when it has. */
export function striking(front: Front, { strike }: Struck, [when, method, path]: Moment): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let isStruck = false;
  const stop = front.lie(async (call, next) => {
    if (isStruck || call.method !== method || !path.test(call.path)) return await next();
    isStruck = true;
    if (when === "after") await next();
    await strike().then(resolve, reject);
    return answerOf({ code: "ERR_TEST" }, 503);
  });
  return promise.finally(stop);
}

export interface Told {
  /** By run: digests of what the provider has said is told. */
  readonly released: ReadonlyMap<string, ReadonlySet<string>>;
  /** Runs of which a frame of the answer has gone out. */
  readonly answered: ReadonlySet<string>;
}

/** What leaves a provider through its front. */
export function overhear(front: Front): Told {
  const released = new Map<string, Set<string>>();
  const answered = new Set<string>();
  front.lie(async ({ method, path }: Call, next) => {
    const answer = await next();
    const [, run = "", rest] = /\/joins\/([^/]+)(\/answer)?/.exec(path) ?? [];
    if (method !== "GET" || answer.status !== 200) return answer;
    if (rest !== undefined) answered.add(run);
    const { release } = rest === undefined && !path.includes("holder") ? parsed(answer.body) : {};
    if (release !== undefined) released.set(run, (released.get(run) ?? new Set()).add(digestOf(release)));
    return answer;
  });
  return { released, answered };
}

function parsed(body: Buffer): { release?: unknown } {
  try {
    return JSON.parse(body.toString());
  } catch {
    return {};
  }
}
