/** kill -9 within a stream. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { StreamSetup, StreamUsage } from "./_stream-process.ts";

const MIB = 2 ** 20;
const program = fileURLToPath(new URL("_stream-process.ts", import.meta.url));

test("a stream whose provider is killed in its middle goes on, as one use, and what had left counts", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sealane-crash-stream-"));
  const content = randomBytes(48 * MIB);
  const setup: StreamSetup = { dir: join(dir, "store"), path: join(dir, "records"), bytes: content.length };
  const children: ChildProcess[] = [];
  async function started(): Promise<{ readonly child: ChildProcess; readonly base: string }> {
    const args = [program, JSON.stringify(setup)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    const [port] = (await once(child.stdout!, "data")) as [Buffer];
    return { child, base: `http://127.0.0.1:${port.toString().trim()}` };
  }
  try {
    await mkdir(setup.dir);
    await writeFile(setup.path, content);
    const first = await started();
    const answer = await fetch(`${first.base}/data`);
    const parts: Uint8Array[] = [];
    let held = 0;
    const reading = (async () => {
      for await (const part of answer.body as unknown as AsyncIterable<Uint8Array>) {
        parts.push(part);
        held += part.length;
        if (held > 12 * MIB) first.child.kill("SIGKILL");
      }
    })();
    await expect(reading).rejects.toThrow();
    expect(held).toBeLessThan(content.length);

    const second = await started();
    const usage = async () => (await (await fetch(`${second.base}/usage`)).json()) as StreamUsage;
    expect(await usage()).toMatchObject({ used: 1, served: [expect.toSatisfy((served: number) => served >= held)] });
    const headers = { range: `bytes=${held}-`, "if-range": answer.headers.get("etag") ?? "" };
    const rest = await (await fetch(`${second.base}/data`, { headers })).arrayBuffer();
    expect(Buffer.concat([...parts, Buffer.from(rest)]).equals(content)).toBe(true);
    const { used, served } = await usage();
    expect(used).toBe(1);
    expect(served[0]).toBeGreaterThanOrEqual(content.length);
    expect(served[0]).toBeLessThanOrEqual(2 * content.length);
    // The one use of the policy is spent.
    expect(await (await fetch(`${second.base}/data`)).text()).toBe("uses-exhausted");
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  }
});
