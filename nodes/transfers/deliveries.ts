/** The provider's side of one call: what a token opens, which bytes, under which limits; and the guarded stream of them. */
import { entityTagOf, rangeStart, readEntityTag } from "../../exchange/transfers/range.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import { agreementUuid, type KeptAgreement } from "./agreements.ts";
import type { Permission, Permitted } from "./gate.ts";
import type { Snapshot, Snapshots } from "./snapshots.ts";
import { TransferError } from "./transfer-error.ts";
import { deliveryKey, type Usage } from "./usage.ts";

/** What may leave between two looks at the policy. */
const PIECE_BYTES = 64 * 1024;
/** What a stream takes at once of what its delivery may send: so much at most does a crash cost. */
const TAKEN_BYTES = 8 * 1024 * 1024;
/**
 * A delivery sends its bytes once, and as many again in all where connections break: one that is fetched. One that is
 * sent to a server that takes everything or nothing begins anew each time.
 */
const TIMES = Object.freeze({ pull: 2, push: 4 });

export interface DeliveryDeps {
  readonly agreement: (id: string) => Promise<KeptAgreement | undefined>;
  /** As it stands on this side; undefined for what is none of this provider's. */
  readonly transfer: (pid: string) => Promise<{ readonly peer: string; readonly document: Transfer } | undefined>;
  /** This side has said that it shall not go on, whatever the other side has heard of it. */
  readonly isHeld: (pid: string) => Promise<boolean>;
  readonly permission: (agreement: KeptAgreement["agreement"], format: string) => Promise<Permission>;
  readonly snapshots: Pick<Snapshots, "of">;
  readonly usage: Usage;
  readonly newId: () => string;
  readonly now: () => string;
  /** Nobody reads the file of this agreement for this delivery any more. */
  readonly onClosed?: (agreement: string) => void;
  /** Written down before the call is over. */
  readonly onSent: (about: {
    holder: string;
    transfer: string;
    delivery: string;
    from: number;
    to: number;
    bytes: number;
  }) => Promise<void>;
}

export interface Ask {
  readonly transfer: string;
  readonly holder: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly ifMatch: string | undefined;
  /** Push: the delivery is one for ever. */
  readonly delivery?: string;
  /** Push: what the other side says that it has. Of another version it counts for nothing. */
  readonly held?: { readonly bytes: number; readonly digest: string } | undefined;
}

export interface Delivery {
  readonly id: string;
  readonly snapshot: Snapshot;
  readonly entityTag: string;
  /** First byte that leaves. */
  readonly from: number;
  readonly isPartial: boolean;
  /** Ends with an error as soon as the release is not permitted any more. */
  readonly pieces: () => AsyncGenerator<Buffer, void, undefined>;
  /**
   * Of what was read from `pieces`: the other side did not take it, and may have it once more. It counts as a call: what
   * is refused costs a connection and its bytes as well.
   */
  readonly notTaken: (bytes: number) => Promise<void>;
  /** Call when nothing of it is read any more, or nothing was. */
  readonly close: () => Promise<void>;
}

export type Deliveries = (ask: Ask) => Promise<Delivery>;

/** Whatever the agreement: one consumer may hold several on the same records. */
const callerOf = ({ holder }: Ask, { asset }: Permitted): string => `${holder} ${asset.id}`;

/** From the first byte on. */
const begins = ({ range }: Pick<Ask, "range">): boolean => (rangeStart(range) ?? 0) === 0;

export function createDeliveries(deps: DeliveryDeps): Deliveries {
  /** Throws ERR_TRANSFER_REFUSED or _STATE with the reason. */
  async function standing(ask: Ask): Promise<Permitted & { readonly agreement: string }> {
    const found = await deps.transfer(ask.transfer);
    const kept = found === undefined ? undefined : await deps.agreement(found.document.agreementId);
    if (found === undefined || kept === undefined || found.peer !== ask.holder || kept.peer !== ask.holder) {
      throw new TransferError("ERR_TRANSFER_UNKNOWN", "not-found");
    }
    const { state, format } = found.document;
    if (state !== "STARTED" || (await deps.isHeld(ask.transfer))) {
      throw new TransferError("ERR_TRANSFER_STATE", "transfer-not-started", `the transfer is ${state}`);
    }
    const may = await deps.permission(kept.agreement, format);
    if (!may.ok) throw new TransferError("ERR_TRANSFER_REFUSED", may.reason);
    return { ...may, agreement: agreementUuid(kept.agreement["@id"]) };
  }

  /** The delivery that the caller goes on with: undefined where a new one begins. */
  function resumed({ ifRange, ifMatch, range }: Ask, snapshot: Snapshot): string | undefined {
    const tag = readEntityTag(ifMatch ?? ifRange);
    const isSame = tag?.digest === snapshot.digest;
    if (ifMatch !== undefined && !isSame) throw new TransferError("ERR_TRANSFER_RANGE", "version-changed");
    // From the first byte on it is a delivery of its own. Another version than the one named is sent whole, as one too
    // (RFC 9110 section 13.1.5).
    return isSame && !begins({ range }) ? tag.delivery : undefined;
  }

  return async (ask) => {
    const may = await standing(ask);
    const caller = callerOf(ask, may);
    deps.usage.countCall(caller, may.release.callsPerMinute);
    const endStream = deps.usage.openStream(caller);
    try {
      return await opened(ask, may, endStream);
    } catch (error) {
      endStream();
      throw error;
    }
  };

  async function opened(ask: Ask, may: Awaited<ReturnType<typeof standing>>, endStream: () => void): Promise<Delivery> {
    const named = ask.delivery ?? (begins(ask) ? undefined : readEntityTag(ask.ifMatch ?? ask.ifRange)?.delivery);
    const namedKey = named === undefined ? undefined : deliveryKey(ask.transfer, named);
    // Writing the file costs a read of the whole table.
    await deps.usage.assertLeft(namedKey, may.asset.id, may.release.uses);
    const snapshot = await deps.snapshots.of(may.agreement, may, () => standing(ask));
    try {
      return await begun(ask, may, snapshot, endStream);
    } catch (error) {
      await snapshot.file.close();
      throw error;
    }
  }

  /** The use is counted only now that the file is open: nothing that is erased meanwhile takes it away. */
  async function begun(
    ask: Ask,
    may: Awaited<ReturnType<typeof standing>>,
    snapshot: Snapshot,
    endStream: () => void,
  ): Promise<Delivery> {
    const known = ask.delivery ?? resumed(ask, snapshot);
    const held = ask.held?.digest === snapshot.digest ? Math.min(ask.held.bytes, snapshot.bytes) : 0;
    const from =
      ask.delivery !== undefined
        ? held
        : known === undefined && ask.ifRange !== undefined
          ? 0
          : (rangeStart(ask.range) ?? 0);
    if (ask.delivery === undefined && from > 0 && from >= snapshot.bytes) {
      throw new TransferError("ERR_TRANSFER_RANGE", "range-unsatisfiable", `there are ${snapshot.bytes} bytes`);
    }
    const id = known ?? deps.newId();
    const key = deliveryKey(ask.transfer, id);
    const of = { asset: may.asset.id, agreement: may.agreement, transfer: ask.transfer };
    if (known === undefined || ask.delivery !== undefined) {
      // Reading the table may have taken long.
      await standing(ask);
      await deps.usage.reserve(key, { ...of, at: deps.now() }, may.release.uses);
    } else await deps.usage.resume(key, of);
    const most = snapshot.bytes * (ask.delivery === undefined ? TIMES.pull : TIMES.push);
    // Taken before the answer begins, so that the caller hears why there is nothing more.
    let taken =
      from === snapshot.bytes ? 0 : await deps.usage.take(key, Math.min(TAKEN_BYTES, snapshot.bytes - from), most);
    const close = async () => {
      endStream();
      const left = taken;
      taken = 0;
      await snapshot.file.close();
      deps.onClosed?.(may.agreement);
      await deps.usage.giveBack(key, left);
    };

    async function* pieces() {
      let at = from;
      try {
        while (at < snapshot.bytes) {
          await standing(ask);
          if (taken === 0) taken = await deps.usage.take(key, Math.min(TAKEN_BYTES, snapshot.bytes - at), most);
          const length = Math.min(PIECE_BYTES, taken);
          const { bytesRead, buffer } = await snapshot.file.read(Buffer.allocUnsafe(length), 0, length, at);
          if (bytesRead === 0) throw new TransferError("ERR_TRANSFER_STATE", "records-gone");
          at += bytesRead;
          taken -= bytesRead;
          yield buffer.subarray(0, bytesRead);
        }
      } finally {
        const { bytes } = snapshot;
        await close();
        await deps.onSent({ holder: ask.holder, transfer: ask.transfer, delivery: id, from, to: at, bytes });
      }
    }
    const entityTag = entityTagOf(id, snapshot.digest);
    const isPartial = ask.range !== undefined && from > 0;
    const notTaken = async (bytes: number) => {
      deps.usage.countCall(callerOf(ask, may), Number.POSITIVE_INFINITY);
      await deps.usage.giveBack(key, bytes);
    };
    return { id, snapshot, entityTag, from, isPartial, pieces, notTaken, close };
  }
}
