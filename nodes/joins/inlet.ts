/**
 * Pieces that come in one call each, as a stream: a call is answered when its piece has been worked on, so memory holds one
 * and nobody sends faster than is worked. The last one may come again, byte for byte; any other than the next is refused.
 */
export interface Inlet {
  /** Resolves once whoever reads has asked for the next one. Throws what `fail` was told, and InletError. */
  push(index: number, piece: Uint8Array): Promise<void>;
  /** To be read once. */
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Pieces that were worked on. */
  taken(): number;
  fail(error: Error): void;
}

export class InletError extends Error {
  override readonly name = "InletError";
}

interface Waiting {
  readonly piece: Uint8Array;
  readonly done: PromiseWithResolvers<void>;
}

export function createInlet(count: number): Inlet {
  let taken = 0;
  let last: Uint8Array | undefined;
  let waiting: Waiting | undefined;
  let arrived = Promise.withResolvers<void>();
  let failure: Error | undefined;

  async function* read(): AsyncIterable<Uint8Array> {
    while (taken < count) {
      if (failure !== undefined) throw failure;
      if (waiting === undefined) {
        await arrived.promise;
        continue;
      }
      const { piece, done } = waiting;
      yield piece;
      // Asked for the next one: this one is done.
      last = piece;
      waiting = undefined;
      arrived = Promise.withResolvers<void>();
      taken += 1;
      done.resolve();
    }
  }

  return Object.freeze({
    async push(index: number, piece: Uint8Array) {
      if (failure !== undefined) throw failure;
      if (last !== undefined && index === taken - 1 && Buffer.compare(last, piece) === 0) return;
      if (index !== taken || index >= count) {
        throw new InletError(`piece ${index}: wanted ${taken < count ? taken : "no more"}`);
      }
      if (waiting !== undefined && Buffer.compare(waiting.piece, piece) !== 0) {
        throw new InletError(`piece ${index}: came twice, and not the same`);
      }
      if (waiting === undefined) {
        waiting = { piece, done: Promise.withResolvers<void>() };
        arrived.resolve();
      }
      await waiting.done.promise;
    },
    pieces: read(),
    taken: () => taken,
    fail(error: Error) {
      failure ??= error;
      // Whoever pushes hears of it; one that has gone must not make it unhandled.
      waiting?.done.promise.catch(() => undefined);
      waiting?.done.reject(error);
      arrived.resolve();
    },
  });
}

export interface Outlet {
  /** The piece of this index: the next one, or the last one again. Throws InletError. */
  get(index: number): Promise<Uint8Array>;
  /** Lets go of what the pieces are read from. */
  close(): Promise<void>;
}

export function createOutlet(pieces: AsyncIterable<Uint8Array>): Outlet {
  const source = pieces[Symbol.asyncIterator]();
  let last: Promise<Uint8Array> | undefined;
  let at = -1;
  return Object.freeze({
    async get(index: number) {
      if (index === at && last !== undefined) return await last;
      if (index !== at + 1) throw new InletError(`piece ${index}: wanted ${at + 1}`);
      at += 1;
      last = source.next().then(({ value, done }) => {
        if (done === true) throw new InletError(`piece ${index}: there is none`);
        return value as Uint8Array;
      });
      return await last;
    },
    async close() {
      await source.return?.();
    },
  });
}
