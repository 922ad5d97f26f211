/** kill -9 on both sides of a transfer, in every state, right before and right after it is on disk. */
import { type ChildProcess, spawn } from "node:child_process";
import { access, mkdir, mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { uuidOf } from "../../exchange/requests/record.ts";
import type { TransferCrashSetup } from "./_crash-process.ts";

const STATES = ["REQUESTED", "STARTED", "SUSPENDED", "COMPLETED"] as const;
/** Each side dies in each state; before it is on disk on one side, after it on the other. */
const POINTS = (["alpha", "beta"] as const).flatMap((side, first) =>
  STATES.map((state, at) => {
    const when = (first + at) % 2 === 0 ? ("before" as const) : ("after" as const);
    return { side, state, when, pid: uuidOf({ transfer: side, state, when }) };
  }),
);
/** States that a message of the other side leads to. */
const SURE: Readonly<Record<"alpha" | "beta", readonly string[]>> = {
  alpha: ["STARTED"],
  beta: ["REQUESTED", "SUSPENDED", "COMPLETED"],
};
const program = fileURLToPath(new URL("_crash-process.ts", import.meta.url));

test("a transfer that is suspended, resumed and completed ends so on both sides, wherever one of them is killed", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sealane-crash-transfer-"));
  const ports = { alpha: await freePort(), beta: await freePort() };
  const children: Partial<Record<"alpha" | "beta", ChildProcess>> = {};
  const ends: string[] = [];
  let isOver = false;

  function run(name: "alpha" | "beta"): void {
    const other = name === "alpha" ? "beta" : "alpha";
    const deaths = POINTS.filter(({ side }) => side === name).map(({ pid, when, state }) => [pid, { when, state }]);
    const setup: TransferCrashSetup = {
      name,
      dir: join(dir, name),
      port: ports[name],
      peer: { name: other, port: ports[other] },
      begin: name === "alpha" ? POINTS.map(({ pid }) => pid) : [],
      deaths: Object.fromEntries(deaths),
    };
    const child = spawn(process.execPath, [program, JSON.stringify(setup)], { stdio: ["ignore", "ignore", "inherit"] });
    children[name] = child;
    child.on("exit", (_code, signal) => {
      if (isOver) return;
      ends.push(`${name} ${signal}`);
      run(name);
    });
  }

  /** As the other side would ask; undefined while the process is away. */
  async function shown(name: "alpha" | "beta", pid: string) {
    const url = `http://127.0.0.1:${ports[name]}/dsp/2025-1/transfers/${pid}`;
    const authorization = `Bearer ${name === "alpha" ? "beta" : "alpha"}`;
    const answer = await fetch(url, { headers: { authorization } }).catch(() => undefined);
    return answer?.ok === true ? ((await answer.json()) as { state: string; providerPid: string }) : undefined;
  }

  try {
    await Promise.all([mkdir(join(dir, "alpha")), mkdir(join(dir, "beta"))]);
    run("beta");
    run("alpha");
    for (const { pid } of POINTS) {
      const states = async () => {
        const ours = await shown("alpha", pid);
        return [ours?.state, ours === undefined ? undefined : (await shown("beta", ours.providerPid))?.state];
      };
      await expect.poll(states, { timeout: 240_000, interval: 50 }).toEqual(["COMPLETED", "COMPLETED"]);
    }
    // What a message of this side leads to may be proven by the other's next one before it was on disk by itself.
    const sure = POINTS.filter(({ side, state }) => SURE[side].includes(state));
    for (const { side, pid } of sure) await expect(access(join(dir, side, `died-${pid}`))).resolves.toBeUndefined();
    expect(ends.filter((one) => !one.endsWith(" SIGKILL"))).toEqual([]);
  } finally {
    isOver = true;
    for (const child of Object.values(children)) child.kill("SIGKILL");
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  }
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
