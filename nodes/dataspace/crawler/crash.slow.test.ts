import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { siblingPath } from "../../boot/sibling.ts";

const PAGES = 6;
const ROUNDS = 4;

test("a crawler that is killed at any page shows one whole copy after its start, never parts of two", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sealane-crawler-"));
  let edition = 0;
  let asked = 0;
  let reached: (page: number) => void = () => undefined;
  const server = createServer((request, reply) => {
    request.resume();
    const page = Number(new URL(request.url ?? "", "http://x").searchParams.get("page") ?? 0);
    if (page === 0) edition += 1;
    asked += 1;
    const dataset = Array.from({ length: 5 }, (_, at) => ({
      ...{ "@id": `edition-${edition}-${page}-${at}`, hasPolicy: [{}], distribution: [{}] },
    }));
    if (page < PAGES - 1) reply.setHeader("link", `<?page=${page + 1}>; rel="next"`);
    reply.end(JSON.stringify({ "@type": "Catalog", participantId: "alpha", dataset }), () => reached(page));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const start = (): ChildProcess =>
    fork(siblingPath(import.meta.url, "./_crawl-process"), [folder, endpoint], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
  async function heard(child: ChildProcess, isWanted: (said: { copy: number }) => boolean) {
    for (;;) {
      const [said] = (await once(child, "message")) as [{ readonly copy: number; readonly ids: readonly string[] }];
      if (isWanted(said)) return said;
    }
  }
  async function kill(child: ChildProcess): Promise<void> {
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  }
  try {
    let copies = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const child = start();
      const { copy, ids } = await heard(child, () => true);
      expect(copy).toBeGreaterThanOrEqual(copies);
      expect(ids).toHaveLength(copy === 0 ? 0 : 5 * PAGES);
      expect(new Set(ids.map((id) => id.split("-")[1])).size).toBe(copy === 0 ? 0 : 1);
      copies = copy;
      // Every other time a copy is finished first, so that there is one to keep.
      if (round % 2 === 1) await heard(child, (said) => said.copy > copy);
      await new Promise<void>((resolve) => {
        reached = (page) => page === round % PAGES && resolve();
      });
      await kill(child);
    }
    expect(copies).toBeGreaterThan(0);
    expect(asked).toBeGreaterThan(PAGES);
  } finally {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
});
