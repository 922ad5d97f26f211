import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { freePort } from "./free-port.ts";

const ASKS = `const { freePort } = await import(${JSON.stringify(new URL("./free-port.ts", import.meta.url).href)});
process.send(await freePort());`;

test("no two processes have ports of one block, and all lie below what outgoing connections get", async () => {
  const own = await freePort();
  const children = Array.from({ length: 3 }, () =>
    spawn(process.execPath, ["--input-type=module", "-e", ASKS], { stdio: ["ignore", "ignore", "inherit", "ipc"] }),
  );
  try {
    const ports = await Promise.all(children.map(async (child) => (await once(child, "message"))[0] as number));
    const blocks = [own, ...ports].map((port) => Math.floor((port - 12_000) / 256));
    expect(new Set(blocks).size).toBe(4);
    for (const port of [own, ...ports]) expect(port >= 12_000 && port < 32_768).toBe(true);
    expect(await freePort()).not.toBe(own);
  } finally {
    for (const child of children) child.kill();
  }
});
