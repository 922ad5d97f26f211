/** Test fixture: two participants as processes of their own that die at given points, and what both must end as. */
import { type ChildProcess, spawn } from "node:child_process";
import { access, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { uuidOf } from "../../exchange/requests/record.ts";
import { freePort } from "../testnet/free-port.ts";
import type { CrashSetup } from "./_crash-side.ts";

/** `alpha` is the consumer and begins. */
type Name = "alpha" | "beta";
export interface CrashPoint {
  readonly side: Name;
  readonly state: string;
  readonly when: "before" | "after";
  /** Of the process that this death is in. */
  readonly pid: string;
  /** In which it ends on both sides. */
  readonly end: string;
  /**
   * A message of the other side leads to the state: this death happens for certain. What a message of this side leads
   * to may be proven by the other's next one before it was on disk by itself.
   */
  readonly isSure: boolean;
}

/** Both sides die in each state, before and after it is on disk. `by`: whose message leads to it. */
export const deathsIn = (path: string, end: string, states: readonly { readonly state: string; readonly by: Name }[]) =>
  states.flatMap(({ state, by }) =>
    (["alpha", "beta"] as const).flatMap((side) =>
      (["before", "after"] as const).map((when): CrashPoint => {
        const pid = `${path}.${uuidOf({ path, side, state, when })}`;
        return { side, state, when, pid, end, isSure: side !== by };
      }),
    ),
  );

export interface CrashPlan {
  /** Runs one side: see `_crash-side.ts`. */
  readonly program: URL;
  readonly collection: string;
  readonly points: readonly CrashPoint[];
}

export async function expectToSurvive({ program, collection, points }: CrashPlan): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), `sealane-crash-${collection}-`));
  const ports = { alpha: await freePort(), beta: await freePort() };
  const children: Partial<Record<Name, ChildProcess>> = {};
  const ends: string[] = [];
  let isOver = false;

  function run(name: Name): void {
    const other = name === "alpha" ? "beta" : "alpha";
    const deaths = points.filter(({ side }) => side === name).map(({ pid, when, state }) => [pid, { when, state }]);
    const setup: CrashSetup = {
      name,
      dir: join(dir, name),
      port: ports[name],
      peer: { name: other, port: ports[other] },
      begin: name === "alpha" ? points.map(({ pid }) => pid) : [],
      deaths: Object.fromEntries(deaths),
    };
    const stdio = ["ignore", "ignore", "inherit"] as const;
    // Most of a life is reading code, and there are many.
    const env = { ...process.env, NODE_COMPILE_CACHE: join(dir, "code") };
    const child = spawn(process.execPath, [fileURLToPath(program), JSON.stringify(setup)], { stdio: [...stdio], env });
    children[name] = child;
    child.on("exit", (_code, signal) => {
      if (isOver) return;
      ends.push(`${name} ${signal}`);
      run(name);
    });
  }

  /** As the other side would ask; undefined while the process is away. */
  async function shown(name: Name, pid: string) {
    const url = `http://127.0.0.1:${ports[name]}/dsp/2025-1/${collection}/${pid}`;
    const authorization = `Bearer ${name === "alpha" ? "beta" : "alpha"}`;
    const answer = await fetch(url, { headers: { authorization } }).catch(() => undefined);
    return answer?.ok === true ? ((await answer.json()) as { state: string; providerPid: string }) : undefined;
  }

  try {
    await Promise.all([mkdir(join(dir, "alpha")), mkdir(join(dir, "beta"))]);
    run("beta");
    run("alpha");
    for (const { pid, end } of points) {
      const states = async () => {
        const ours = await shown("alpha", pid);
        return [ours?.state, ours === undefined ? undefined : (await shown("beta", ours.providerPid))?.state];
      };
      await expect.poll(states, { timeout: 240_000, interval: 50 }).toEqual([end, end]);
    }
    for (const { side, pid } of points.filter(({ isSure }) => isSure)) {
      await expect(access(join(dir, side, `died-${pid}`))).resolves.toBeUndefined();
    }
    expect(ends.filter((one) => !one.endsWith(" SIGKILL"))).toEqual([]);
  } finally {
    isOver = true;
    for (const child of Object.values(children)) child.kill("SIGKILL");
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}
