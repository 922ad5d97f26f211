/**
 * Calls to peers that end with the feature that makes them: a peer that does not answer keeps no node from stopping. What
 * was on its way is said again after the next start, as after a crash.
 */
import type { TSchema } from "typebox";
import type { PeerCall, PeerClient } from "../peer/client.ts";
import type { PeerTarget } from "../peer/member-directory.ts";

export const endingPeers = (peers: PeerClient, ending: AbortSignal): PeerClient =>
  Object.freeze({
    ...peers,
    async call<S extends TSchema>(target: PeerTarget, call: PeerCall<S>) {
      const controller = new AbortController();
      const end = () => controller.abort();
      const signals = [ending, ...(call.signal === undefined ? [] : [call.signal])];
      if (signals.some(({ aborted }) => aborted)) end();
      // Not AbortSignal.any: its dependants are held for as long as the node runs.
      for (const signal of signals) signal.addEventListener("abort", end, { once: true });
      try {
        return await peers.call(target, { ...call, signal: controller.signal });
      } finally {
        for (const signal of signals) signal.removeEventListener("abort", end);
      }
    },
  });
