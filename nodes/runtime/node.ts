/** The composition root: opens what a node is made of, by hand and in order, and closes it in reverse. */

import type { ObservedMessage } from "../peer/client.ts";
import type { Effects } from "./effects.ts";
import type { NodeServices } from "./services.ts";

export interface NodeOptions {
  /** Node folder made by `initNode`, in a network by `foundNetwork` or `joinNetwork`. */
  readonly dir: string;
  /** Opens the private keys, where they are sealed. */
  readonly passphrase?: string;
  /** Default: the system's clock and generator. */
  readonly effects?: Effects;
  /** Overrides `log.level`; tests pass "silent". */
  readonly logLevel?: string;
  /** Sees every peer message this node sends and gets as a caller, bodies included. */
  readonly observe?: (message: ObservedMessage) => void;
}

export interface RunningNode {
  readonly services: NodeServices;
  /** Addresses it listens on; `peer` is undefined for a node that only connects outward. */
  readonly address: { readonly api: string; readonly peer: string | undefined };
  /** Bearer token of the management interface. */
  readonly token: string;
  /** Reloads limits, sources and log level. Returns keys whose change needs a restart. */
  readonly reload: () => Promise<readonly string[]>;
  /** Graceful: finishes running calls, stops features, closes stores. Idempotent. */
  readonly stop: () => Promise<void>;
}

/** Starts the node. Throws ConfigError, StoreError or LedgerError; nothing stays open then. */
export async function startNode(_options: NodeOptions): Promise<RunningNode> {
  throw new TypeError("not built yet");
}
