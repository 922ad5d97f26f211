/**
 * Deliveries against their limits. One is reserved, on disk, before its first byte; what it may send is taken, on disk,
 * before it leaves. A crash in between never gives one more; the same id again goes on where it was, and one that nobody
 * comes back for costs a use or some bytes. A delivery that is gone on with is the same one, and may repeat only so many
 * bytes in all.
 */
import { createKeyedLock } from "../computations/keyed-lock.ts";
import type { RecordStore } from "../store/records.ts";
import { TransferError } from "./transfer-error.ts";

/** What a delivery is of. */
export interface DeliveryOf {
  readonly asset: string;
  readonly agreement: string;
  readonly transfer: string;
}
export interface DeliveryRecord extends DeliveryOf {
  /** UTC with Z. */
  readonly at: string;
  /** Bytes that have left, those that left twice counted twice. */
  readonly served: number;
  /** Written before it was counted: it counts where the counter names it. */
  readonly isPending?: true;
}
export interface UseCounter {
  readonly used: number;
  /** Id of the delivery that was counted last: it is the only one that may be pending although it is counted. */
  readonly latest?: string;
}

const MINUTE_MS = 60_000;
/** Streams of one consumer and asset that run at the same time. */
export const MOST_STREAMS = 16;

export interface Usage {
  /** Throws ERR_TRANSFER_USES. The same id again is the same delivery, and of nothing else: ERR_TRANSFER_RANGE. */
  reserve(id: string, delivery: Omit<DeliveryRecord, "served" | "isPending">, limit: number | undefined): Promise<void>;
  /** Throws ERR_TRANSFER_RANGE for a delivery of something else. */
  resume(id: string, of: DeliveryOf): Promise<void>;
  /** Takes up to `wanted` of what the delivery may still send, in all at most `most`. Throws ERR_TRANSFER_USES at its end. */
  take(id: string, wanted: number, most: number): Promise<number>;
  /** Of what was taken and has not left. */
  giveBack(id: string, bytes: number): Promise<void>;
  /** Throws ERR_TRANSFER_USES where neither a delivery is left nor one of this id is known: before any work is done. */
  assertLeft(id: string | undefined, asset: string, limit: number | undefined): Promise<void>;
  /** Throws ERR_TRANSFER_RATE. `caller`: a consumer and an asset. Counted since the node started. */
  countCall(caller: string, perMinute: number): void;
  /** Throws ERR_TRANSFER_RATE; returns what ends the stream, once however often it is called. */
  openStream(caller: string): () => void;
  used(asset: string): Promise<number>;
  /** Deliveries of a transfer that is not known any more. What was used stays used. */
  forget(transfer: string): Promise<void>;
}

export function createUsage(deps: {
  /** By asset: how many deliveries there were. */
  readonly counters: RecordStore<UseCounter>;
  readonly deliveries: RecordStore<DeliveryRecord>;
  readonly now: () => string;
}): Usage {
  const { counters, deliveries } = deps;
  const oneAtATime = createKeyedLock();
  const calls = new Map<string, number[]>();
  const streams = new Map<string, number>();
  const used = async (asset: string) => (await counters.get(asset))?.used ?? 0;

  async function known(id: string): Promise<DeliveryRecord> {
    const found = await deliveries.get(id);
    if (found === undefined) throw deliveryUnknown();
    if (found.isPending === true && (await counters.get(found.asset))?.latest !== id) throw deliveryUnknown();
    return found;
  }

  /** Before the counter names another one. */
  const settle = (id: string): Promise<void> =>
    oneAtATime(`bytes ${id}`, async () => {
      const { isPending, ...delivery } = (await deliveries.get(id)) ?? {};
      if (isPending === true) await deliveries.put(id, delivery as DeliveryRecord);
    });

  return Object.freeze({
    used,
    async forget(transfer: string) {
      for await (const [id] of deliveries.entries(deliveryKey(transfer, ""))) await deliveries.delete(id);
    },
    reserve: (id: string, delivery: Omit<DeliveryRecord, "served" | "isPending">, limit: number | undefined) =>
      oneAtATime(delivery.asset, async () => {
        const known = await deliveries.get(id);
        if (known !== undefined) assertOf(known, delivery);
        const { used: before, latest } = (await counters.get(delivery.asset)) ?? { used: 0 };
        const isCounted = known !== undefined && (known.isPending !== true || latest === id);
        if (isCounted) return;
        assertBelow(before, limit);
        if (latest !== undefined) await settle(latest);
        if (known === undefined) await deliveries.put(id, { ...delivery, served: 0, isPending: true });
        await counters.put(delivery.asset, { used: before + 1, latest: id });
      }),
    async assertLeft(id: string | undefined, asset: string, limit: number | undefined) {
      const isKnown = id !== undefined && (await known(id).catch(() => undefined)) !== undefined;
      if (!isKnown) assertBelow(await used(asset), limit);
    },
    async resume(id: string, of: DeliveryOf) {
      assertOf(await known(id), of);
    },
    take: (id: string, wanted: number, most: number) =>
      oneAtATime(`bytes ${id}`, async () => {
        const { isPending: _, ...delivery } = await known(id);
        const taken = Math.min(wanted, most - delivery.served);
        if (taken <= 0) {
          const detail = `${delivery.served} of ${most} bytes of this delivery were sent: begin another one`;
          throw new TransferError("ERR_TRANSFER_USES", "repeated-too-much", detail);
        }
        await deliveries.put(id, { ...delivery, served: delivery.served + taken });
        return taken;
      }),
    giveBack: (id: string, bytes: number) =>
      oneAtATime(`bytes ${id}`, async () => {
        const delivery = await deliveries.get(id);
        if (delivery === undefined || bytes === 0) return;
        await deliveries.put(id, { ...delivery, served: delivery.served - bytes });
      }),
    countCall(caller: string, perMinute: number) {
      const now = Date.parse(deps.now());
      const recent = (calls.get(caller) ?? []).filter((at) => at > now - MINUTE_MS);
      // Whoever called last stands last: those at the front have been silent longest.
      calls.delete(caller);
      for (const [silent, times] of calls) {
        if ((times.at(-1) ?? 0) > now - MINUTE_MS) break;
        calls.delete(silent);
      }
      if (recent.length >= perMinute) {
        calls.set(caller, recent);
        throw new TransferError("ERR_TRANSFER_RATE", "calls-exceeded", `more than ${perMinute} calls a minute`);
      }
      calls.set(caller, [...recent, now]);
    },
    openStream(caller: string) {
      const before = streams.get(caller) ?? 0;
      if (before >= MOST_STREAMS) {
        throw new TransferError("ERR_TRANSFER_RATE", "streams-exceeded", `more than ${MOST_STREAMS} streams at once`);
      }
      streams.set(caller, before + 1);
      let isOpen = true;
      return () => {
        if (!isOpen) return;
        isOpen = false;
        const left = (streams.get(caller) ?? 1) - 1;
        if (left > 0) streams.set(caller, left);
        else streams.delete(caller);
      };
    },
  });
}

/** By transfer, so that they go with it. */
export const deliveryKey = (transfer: string, delivery: string): string => `${transfer} ${delivery}`;

function assertBelow(used: number, limit: number | undefined): void {
  if (limit === undefined || used < limit) return;
  throw new TransferError("ERR_TRANSFER_USES", "uses-exhausted", `${used} of ${limit} deliveries were used`);
}

const deliveryUnknown = (): TransferError => new TransferError("ERR_TRANSFER_RANGE", "delivery-unknown");

function assertOf(known: DeliveryOf, { asset, agreement, transfer }: DeliveryOf): void {
  if (known.asset !== asset || known.agreement !== agreement || known.transfer !== transfer) throw deliveryUnknown();
}
