import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { NETWORK } from "../conformance/fixture.ts";
import { openChain } from "./open-chain.ts";
import { openLevelStore } from "./store.ts";

test("kill -9 while writing loses no acknowledged record, time after time", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ledger-kill-"));
  const location = join(folder, "ledger");
  const script = fileURLToPath(import.meta.resolve("./_sequencer-child.ts"));
  let acknowledged = -1;
  for (const lines of [1, 4, 9]) {
    const child = spawn(process.execPath, [script, location], { stdio: ["ignore", "pipe", "inherit"] });
    let seen = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Number(line);
      seen += 1;
      // Killed in the middle of the group commit after this line.
      if (seen === lines) child.kill("SIGKILL");
    }
    if (child.signalCode === null) await once(child, "exit");
    const store = await openLevelStore(location);
    const chain = await openChain(store, NETWORK);
    const size = chain.tail()?.prepared.range.size ?? chain.head().size;
    expect(size).toBeGreaterThan(acknowledged);
    await store.close();
  }
  await rm(folder, { recursive: true });
});
