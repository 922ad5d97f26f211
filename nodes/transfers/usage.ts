/**
 * Deliveries against their limits. One is reserved, on disk, before its first byte: a crash in between costs a use, and
 * never gives one more. A delivery that is resumed is the same one.
 */
import { createKeyedLock } from "../computations/keyed-lock.ts";
import type { RecordStore } from "../store/records.ts";
import { TransferError } from "./transfer-error.ts";

export interface DeliveryRecord {
  readonly asset: string;
  readonly agreement: string;
  readonly transfer: string;
  /** UTC with Z. */
  readonly at: string;
  /** Calls that went on with it. */
  readonly resumed: number;
}

/** A connection that breaks more often than this is no reason to go on for ever. */
const MAX_RESUMPTIONS = 1_000;
const MINUTE_MS = 60_000;

export interface Usage {
  /** Throws ERR_TRANSFER_USES. The same id again is the same delivery. */
  reserve(id: string, delivery: Omit<DeliveryRecord, "resumed">, limit: number | undefined): Promise<void>;
  /** Throws ERR_TRANSFER_RANGE for a delivery that is not of this transfer. */
  resume(id: string, transfer: string): Promise<void>;
  /** Throws ERR_TRANSFER_RATE. Counted since the node started. */
  countCall(agreement: string, perMinute: number): void;
  used(asset: string): Promise<number>;
}

export function createUsage(deps: {
  /** By asset: how many deliveries there were. */
  readonly counters: RecordStore<{ readonly used: number }>;
  readonly deliveries: RecordStore<DeliveryRecord>;
  readonly now: () => string;
}): Usage {
  const { counters, deliveries } = deps;
  const oneAtATime = createKeyedLock();
  const calls = new Map<string, number[]>();
  const used = async (asset: string) => (await counters.get(asset))?.used ?? 0;

  return Object.freeze({
    used,
    reserve: (id: string, delivery: Omit<DeliveryRecord, "resumed">, limit: number | undefined) =>
      oneAtATime(delivery.asset, async () => {
        if ((await deliveries.get(id)) !== undefined) return;
        const before = await used(delivery.asset);
        if (limit !== undefined && before >= limit) {
          throw new TransferError("ERR_TRANSFER_USES", "uses-exhausted", `${before} of ${limit} deliveries were used`);
        }
        await counters.put(delivery.asset, { used: before + 1 });
        await deliveries.put(id, { ...delivery, resumed: 0 });
      }),
    resume: (id: string, transfer: string) =>
      oneAtATime(id, async () => {
        const known = await deliveries.get(id);
        if (known?.transfer !== transfer) throw new TransferError("ERR_TRANSFER_RANGE", "delivery-unknown");
        if (known.resumed >= MAX_RESUMPTIONS) throw new TransferError("ERR_TRANSFER_RANGE", "resumed-too-often");
        await deliveries.put(id, { ...known, resumed: known.resumed + 1 });
      }),
    countCall(agreement: string, perMinute: number) {
      const now = Date.parse(deps.now());
      const recent = (calls.get(agreement) ?? []).filter((at) => at > now - MINUTE_MS);
      if (recent.length >= perMinute) {
        calls.set(agreement, recent);
        throw new TransferError("ERR_TRANSFER_RATE", "calls-exceeded", `more than ${perMinute} calls a minute`);
      }
      calls.set(agreement, [...recent, now]);
    },
  });
}
