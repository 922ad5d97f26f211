/** The chunks of contributions that a coordinator has taken in: on disk, apart from those on their way there. */
import type { BlobStore } from "../store/blobs.ts";

export interface ChunkPlace {
  readonly phase: 1 | 2;
  readonly member: string;
  readonly index: number;
}

export interface KeptChunks {
  /**
   * At once: a later step may ask for the words before they are on disk. The first chunk begins a contribution: what
   * was kept under another header counts no more.
   */
  note(place: ChunkPlace, words: Uint8Array): void;
  /** What was noted is on disk when it resolves; it counts as never taken when it rejects. */
  settle(place: ChunkPlace): Promise<void>;
  /** Throws where there is none. */
  read(place: ChunkPlace): Uint8Array;
  /** How many chunks there are from the first on, none of them missing. */
  held(phase: 1 | 2, member: string): number;
  /** The computation is over: all are gone when it resolves, and no other comes. */
  erase(): Promise<void>;
}

/** Ids are `<computation>/<phase>/<member>/<index>`. */
export const chunkId = (computation: string, { phase, member, index }: ChunkPlace): string =>
  `${computation}/${phase}/${member}/${index}`;

/** Of one contribution. */
interface Vector {
  readonly here: Set<number>;
  /** On disk under an earlier header. */
  readonly stale: Set<number>;
}

export async function openKeptChunks(store: BlobStore, computation: string): Promise<KeptChunks> {
  const onTheWay = new Map<string, Uint8Array>();
  const writing = new Set<Promise<void>>();
  const vectors = new Map<string, Vector>();
  let isErased = false;

  function vectorOf({ phase, member }: { readonly phase: number | string; readonly member: string }): Vector {
    const name = `${phase}/${member}`;
    const vector = vectors.get(name) ?? { here: new Set(), stale: new Set() };
    vectors.set(name, vector);
    return vector;
  }
  for (const id of await store.ids(computation)) {
    const [, phase, member, index] = id.split("/") as [string, string, string, string];
    vectorOf({ phase, member }).here.add(Number(index));
  }

  function begin({ here, stale }: Vector): void {
    for (const index of here) stale.add(index);
    here.clear();
  }

  async function put(id: string, words: Uint8Array, instead: readonly string[]): Promise<void> {
    const written = store.put(id, words, instead);
    writing.add(written);
    await written.finally(() => writing.delete(written));
  }

  return Object.freeze({
    note(place: ChunkPlace, words: Uint8Array) {
      if (isErased) return;
      const vector = vectorOf(place);
      if (place.index === 0) begin(vector);
      vector.here.add(place.index);
      vector.stale.delete(place.index);
      onTheWay.set(chunkId(computation, place), words);
    },
    async settle(place: ChunkPlace) {
      const id = chunkId(computation, place);
      const words = onTheWay.get(id);
      if (words === undefined || isErased) return;
      const { here, stale } = vectorOf(place);
      const instead = place.index === 0 ? [...stale].map((index) => chunkId(computation, { ...place, index })) : [];
      try {
        await put(id, words, instead);
      } catch (error) {
        here.delete(place.index);
        throw error;
      } finally {
        onTheWay.delete(id);
      }
    },
    read(place: ChunkPlace) {
      const id = chunkId(computation, place);
      const words = onTheWay.get(id) ?? store.get(id);
      if (words === undefined) throw new TypeError(`chunk ${id}: not kept here`);
      return words;
    },
    held(phase: 1 | 2, member: string) {
      const { here } = vectorOf({ phase, member });
      let count = 0;
      while (here.has(count)) count += 1;
      return count;
    },
    async erase() {
      isErased = true;
      await Promise.allSettled(writing);
      await store.erase(computation);
    },
  });
}
