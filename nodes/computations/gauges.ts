/** What one computation cost this node: bytes per direction and milliseconds per step. Kept in memory for the demo. */

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

const MAX_COMPUTATIONS = 1000;

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
