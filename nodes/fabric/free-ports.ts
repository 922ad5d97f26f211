/** Ports for servers that are restarted: free now, and outside the range that the system gives to outgoing connections. */
import { createServer } from "node:net";
import { FabricNetworkError } from "./fabric-error.ts";
import { HOST } from "./network-files.ts";

const FIRST = 20_000;
const LAST = 32_000;

/** `random` gives 0 up to below 1. */
export async function freePorts(count: number, random: () => number): Promise<readonly number[]> {
  const found = new Set<number>();
  for (let attempt = 0; attempt < 50 * count && found.size < count; attempt++) {
    const port = FIRST + Math.floor(random() * (LAST - FIRST));
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  if (found.size === count) return [...found];
  throw new FabricNetworkError("ERR_FABRIC_PORTS", `ports: ${count} free ones wanted on ${HOST}, found ${found.size}`);
}

export const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
