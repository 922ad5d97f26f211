import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createTestnet } from "../testnet/testnet.ts";
import { tokenDigest } from "./network/invitation.ts";

const CLI = fileURLToPath(new URL("../cli/main.ts", import.meta.url));

test("a node killed at once loses nothing that it had answered", { timeout: 60_000 }, async () => {
  await using net = await createTestnet({ members: [{ id: "operator", kind: "industry" }] });
  const dir = join(net.dir, "operator");
  const { address, token } = net.operator;
  await net.stop("operator");
  const child = spawn(process.execPath, [CLI, "node", "start", "--dir", dir], { stdio: "ignore" });
  const exited = once(child, "exit");
  try {
    await healthy(address.api);
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

test("a wrong configuration on SIGHUP is named, and the node goes on", { timeout: 60_000 }, async () => {
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
    await healthy(api);
    const file = join(dir, "sealane.json");
    const config = JSON.parse(await readFile(file, "utf8"));
    await writeFile(file, JSON.stringify({ ...config, limits: { bodyBites: 1 } }));
    child.kill("SIGHUP");
    while (!errors.includes("limits.bodyBites")) {
      expect(child.exitCode ?? child.signalCode, errors).toBeNull();
      await sleep(50);
    }
    await healthy(api);
    await writeFile(file, JSON.stringify(config));
    child.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
  } finally {
    child.kill("SIGKILL");
  }
});

async function healthy(api: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const answer = await fetch(`${api}/health`).catch(() => undefined);
    if (answer?.status === 200) return;
    await sleep(100);
  }
  throw new Error(`${api}: not healthy in time`);
}
