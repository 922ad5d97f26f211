import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createTestnet } from "../testnet/testnet.ts";
import { tokenDigest } from "./network/invitation.ts";

const CLI = fileURLToPath(new URL("../cli/main.ts", import.meta.url));

test("a node killed at once loses nothing that it had answered", async () => {
  await using net = await createTestnet({ members: [{ id: "operator", kind: "industry" }] });
  const dir = join(net.dir, "operator");
  const { address, token } = net.operator;
  await net.stop("operator");
  const child = spawn(process.execPath, [CLI, "node", "start", "--dir", dir], { stdio: "ignore" });
  const exited = once(child, "exit");
  try {
    await healthy(address.api, child);
    const answer = await fetch(`${address.api}/api/v1/invitations`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: "{}",
    });
    const invitation = (await answer.json()) as { token: string };
    child.kill("SIGKILL");
    await exited;
    const { services } = await net.start("operator");
    expect(await services.openStore("invitations").get(tokenDigest(invitation.token))).toBeDefined();
    const log = await services.accessLog.read(0, services.accessLog.size());
    expect(log.map(({ event: { action, outcome } }) => `${action} ${outcome}`)).toEqual([
      "POST /api/v1/invitations 201",
    ]);
    expect(await readFile(join(dir, "token"), "utf8")).toBe(`${token}\n`);
  } finally {
    child.kill("SIGKILL");
  }
});

test("a wrong configuration on SIGHUP is named, and the node goes on", async () => {
  await using net = await createTestnet({ members: [{ id: "operator", kind: "industry" }] });
  const dir = join(net.dir, "operator");
  const { api } = net.operator.address;
  await net.stop("operator");
  const child = spawn(process.execPath, [CLI, "node", "start", "--dir", dir], { stdio: ["ignore", "ignore", "pipe"] });
  const exited = once(child, "exit");
  let errors = "";
  child.stderr.on("data", (part) => {
    errors += part;
  });
  try {
    await healthy(api, child);
    const file = join(dir, "sealane.json");
    const config = JSON.parse(await readFile(file, "utf8"));
    await writeFile(file, JSON.stringify({ ...config, limits: { bodyBites: 1 } }));
    child.kill("SIGHUP");
    while (!errors.includes("limits.bodyBites")) {
      expect(child.exitCode ?? child.signalCode, errors).toBeNull();
      await sleep(50);
    }
    await healthy(api, child);
    await writeFile(file, JSON.stringify(config));
    child.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
  } finally {
    child.kill("SIGKILL");
  }
});

/** Waits as long as the process lives. */
async function healthy(api: string, child: ChildProcess): Promise<void> {
  while ((await fetch(`${api}/health`).catch(() => undefined))?.status !== 200) {
    expect(child.exitCode ?? child.signalCode).toBeNull();
    await sleep(100);
  }
}
