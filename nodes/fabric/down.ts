/** `sealane fabric down`: ends the recorded processes, those that serve before those that they need. Nothing is erased. */
import type { StoredNetwork } from "./init-network.ts";
import { processNames } from "./network-processes.ts";
import { endProcess } from "./processes.ts";

/** Names of the processes that were alive. */
export async function downFabric(network: StoredNetwork): Promise<readonly string[]> {
  const ended: string[] = [];
  for (const name of processNames(network).toReversed()) {
    if (await endProcess(network.layout.record(name))) ended.push(name);
  }
  return ended;
}
