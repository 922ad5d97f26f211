/** Transactions this node has promised to bring to the ledger: on disk before anything is sent, until answered. */
import { LedgerError, type SignedTransaction } from "../port.ts";
import { type Bell, createBell } from "./bell.ts";
import { layout, under } from "./layout.ts";
import type { LogStore, StoreOperation } from "./store.ts";
import { countWithin } from "./submissions.ts";

export interface Parcel {
  readonly sequence: number;
  readonly transaction: SignedTransaction;
  /** Characters of its JSON text. */
  readonly length: number;
}

export interface Outbox {
  readonly bell: Bell;
  /** Synced to disk when it resolves. A transaction that is inside already keeps its parcel. Throws ERR_LEDGER_FULL. */
  add(transactions: readonly SignedTransaction[]): Promise<readonly Parcel[]>;
  /** The oldest ones but those in `except`, in an amount that travels in one message. */
  take(limit: number, except?: ReadonlySet<Parcel>): readonly Parcel[];
  /** False once it is answered and removed. */
  has(parcel: Parcel): boolean;
  remove(parcels: readonly Parcel[]): Promise<void>;
  size(): number;
}

export async function openOutbox(store: LogStore, maxSize: number): Promise<Outbox> {
  const bell = createBell();
  const parcels = new Map<string, Parcel>();
  // Not on disk yet, so not to be sent yet.
  const unsaved = new Set<Parcel>();
  let next = 0;
  for await (const [key, text] of store.range(under("outbox/"))) {
    const sequence = Number(key.slice("outbox/".length));
    const transaction = JSON.parse(text) as SignedTransaction;
    parcels.set(nameOf(transaction), { sequence, transaction, length: text.length });
    next = sequence + 1;
  }

  return Object.freeze({
    bell,
    async add(transactions: readonly SignedTransaction[]) {
      const fresh: Parcel[] = [];
      const within = new Map<string, Parcel>();
      const operations: StoreOperation[] = [];
      const all = transactions.map((transaction) => {
        const name = nameOf(transaction);
        const known = parcels.get(name) ?? within.get(name);
        if (known !== undefined) return known;
        const text = JSON.stringify(transaction);
        const parcel: Parcel = { sequence: next + fresh.length, transaction, length: text.length };
        fresh.push(parcel);
        within.set(name, parcel);
        operations.push({ type: "put", key: layout.outbox(parcel.sequence), value: text });
        return parcel;
      });
      if (parcels.size + fresh.length > maxSize) {
        throw new LedgerError("ERR_LEDGER_FULL", `outbox: ${parcels.size} transactions wait for the sequencer`);
      }
      next += fresh.length;
      for (const parcel of fresh) {
        parcels.set(nameOf(parcel.transaction), parcel);
        unsaved.add(parcel);
      }
      try {
        await store.batch(operations, { sync: true });
      } catch (error) {
        // Not promised: whoever hands it in again starts anew.
        for (const { transaction } of fresh) parcels.delete(nameOf(transaction));
        throw error;
      } finally {
        for (const parcel of fresh) unsaved.delete(parcel);
      }
      bell.ring();
      return all;
    },
    take(limit: number, except?: ReadonlySet<Parcel>) {
      const ready: Parcel[] = [];
      for (const parcel of parcels.values()) {
        // Nothing overtakes what is still being saved: a record may follow from the one before it.
        if (unsaved.has(parcel) || ready.length >= limit) break;
        if (except?.has(parcel) !== true) ready.push(parcel);
      }
      return ready.slice(0, countWithin(ready, limit));
    },
    has: ({ transaction }: Parcel) => parcels.has(nameOf(transaction)),
    async remove(done: readonly Parcel[]) {
      const operations = done.map(({ sequence }) => ({ type: "del" as const, key: layout.outbox(sequence) }));
      await store.batch(operations, { sync: false });
      for (const { transaction } of done) parcels.delete(nameOf(transaction));
    },
    size: () => parcels.size,
  });
}

// Same id, another content: a parcel of its own, which the contract then rejects.
const nameOf = ({ signer, signature, statement }: SignedTransaction): string =>
  `${signer}/${statement.id}/${signature}`;
