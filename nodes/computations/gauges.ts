/** What one computation cost this node: bytes per direction and milliseconds per step. Kept in memory for the demo. */
import type { TSchema } from "typebox";
import type { PeerCall, PeerClient } from "../peer/client.ts";
import type { PeerTarget } from "../peer/member-directory.ts";

export interface ComputationCost {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Milliseconds of this node's own work, by role and kind of step. */
  readonly steps: Readonly<Record<string, number>>;
}

export interface Gauges {
  bytes(computation: string, direction: "sent" | "received", bytes: number): void;
  time(computation: string, step: string, milliseconds: number): void;
  of(computation: string): ComputationCost;
}

/** The latest ones: what somebody looks at. */
const MAX_COMPUTATIONS = 64;
const COMPUTATION_PATH = /^\/peer\/v1\/(?:computations|results)\/([0-9a-f-]{36})/;

/** The computation a peer path is about, or undefined. */
export const computationInPath = (path: string): string | undefined => COMPUTATION_PATH.exec(path)?.[1];

/** The same client, with the bytes of every call about a computation counted. */
export const meteredPeers = (peers: PeerClient, gauges: Gauges): PeerClient =>
  Object.freeze({
    ...peers,
    async call<S extends TSchema>(target: PeerTarget, call: PeerCall<S>) {
      const computation = computationInPath(call.path);
      if (computation === undefined) return await peers.call(target, call);
      return await peers.call(target, {
        ...call,
        onBytes: (direction, bytes) => gauges.bytes(computation, direction, bytes),
      });
    },
  });

export function createGauges(): Gauges {
  const costs = new Map<string, { bytesSent: number; bytesReceived: number; steps: Record<string, number> }>();
  const costOf = (computation: string) => {
    const existing = costs.get(computation);
    if (existing !== undefined) return existing;
    const oldest = costs.keys().next();
    if (costs.size >= MAX_COMPUTATIONS && !oldest.done) costs.delete(oldest.value);
    const created = { bytesSent: 0, bytesReceived: 0, steps: {} as Record<string, number> };
    costs.set(computation, created);
    return created;
  };
  return Object.freeze({
    bytes(computation: string, direction: "sent" | "received", bytes: number) {
      if (direction === "sent") costOf(computation).bytesSent += bytes;
      else costOf(computation).bytesReceived += bytes;
    },
    time(computation: string, step: string, milliseconds: number) {
      const { steps } = costOf(computation);
      steps[step] = (steps[step] ?? 0) + milliseconds;
    },
    of(computation: string) {
      const { bytesSent, bytesReceived, steps } = costs.get(computation) ?? {
        bytesSent: 0,
        bytesReceived: 0,
        steps: {},
      };
      return { bytesSent, bytesReceived, steps: { ...steps } };
    },
  });
}
