/**
 * Ports for nodes of tests and demonstrations, known before anyone listens, as endpoints are on the ledger. They lie below the
 * range that systems hand out to outgoing connections, and each process has a block of its own: another network could
 * take a port while its node is yet to start, or stopped.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const HOST = "127.0.0.1";
const FIRST_PORT = 12_000;
const PORTS = 256;
const BLOCKS = 78;
let block: number | undefined;
let handedOut = 0;

/** One that was free a moment ago. */
export async function freePort(): Promise<number> {
  block ??= ownBlock();
  for (let tried = 0; tried < PORTS; tried += 1) {
    const port = FIRST_PORT + block * PORTS + (handedOut++ % PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port of ${HOST} among the ${PORTS} of this process`);
}

/** The first block from this process's own on that no living process has. */
function ownBlock(): number {
  for (let tried = 0; tried < BLOCKS; tried += 1) {
    const one = (process.pid + tried) % BLOCKS;
    const path = join(tmpdir(), `sealane-ports-${one}`);
    if (isHeld(path)) continue;
    rmSync(path, { force: true });
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
    } catch {
      continue;
    }
    process.once("exit", () => rmSync(path, { force: true }));
    return one;
  }
  throw new Error(`${BLOCKS} processes have ports of ${HOST}`);
}

/** By a process that lives. */
function isHeld(path: string): boolean {
  try {
    process.kill(Number(readFileSync(path, "utf8")), 0);
    return true;
  } catch (error) {
    // Somebody else's process lives as well.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}
