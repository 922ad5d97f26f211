/** `sealane node rotate-key`: starts the stopped node, rotates its keys, stops it, and starts under the new keys once. */
import type { SuiteId } from "../../crypto/suites/suite.ts";
import { type NodeOptions, startNode } from "./node.ts";
import type { Rotation } from "./rotate-key.ts";

/** Throws StoreError ERR_STORE_LOCKED while the node runs; NetworkError, LedgerError. */
export async function rotateNode(options: NodeOptions, suite?: SuiteId): Promise<Rotation> {
  const node = await startNode(options);
  try {
    return await node.rotateKeys(suite);
  } finally {
    await node.stop();
  }
}
