/** The chunks of contributions that a coordinator has taken in: on disk, apart from those on their way there. */
import type { BlobStore } from "../store/blobs.ts";

export interface ChunkPlace {
  readonly phase: 1 | 2;
  readonly member: string;
  readonly index: number;
}

export interface KeptChunks {
  /** At once: a later step may ask for the words before they are on disk. */
  note(place: ChunkPlace, words: Uint8Array): void;
  /** What was noted is on disk when it resolves; it counts as never taken when it rejects. */
  settle(place: ChunkPlace): Promise<void>;
  /** Throws where there is none. */
  read(place: ChunkPlace): Uint8Array;
  /** How many chunks there are, from the first on. */
  held(phase: 1 | 2, member: string): number;
}

/** Ids are `<computation>/<phase>/<member>/<index>`. */
export const chunkId = (computation: string, { phase, member, index }: ChunkPlace): string =>
  `${computation}/${phase}/${member}/${index}`;

export async function openKeptChunks(store: BlobStore, computation: string): Promise<KeptChunks> {
  const onTheWay = new Map<string, Uint8Array>();
  const counts = new Map<string, number>();
  const vectorOf = ({ phase, member }: Pick<ChunkPlace, "phase" | "member">) => `${phase}/${member}`;
  for await (const id of store.ids(`${computation}/`)) {
    const [, phase, member] = id.split("/");
    const vector = `${phase}/${member}`;
    counts.set(vector, (counts.get(vector) ?? 0) + 1);
  }
  return Object.freeze({
    note(place: ChunkPlace, words: Uint8Array) {
      onTheWay.set(chunkId(computation, place), words);
      const vector = vectorOf(place);
      counts.set(vector, Math.max(counts.get(vector) ?? 0, place.index + 1));
    },
    async settle(place: ChunkPlace) {
      const id = chunkId(computation, place);
      const words = onTheWay.get(id);
      if (words === undefined) return;
      try {
        await store.put(id, words);
      } catch (error) {
        const vector = vectorOf(place);
        counts.set(vector, Math.min(counts.get(vector) ?? 0, place.index));
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
    held: (phase: 1 | 2, member: string) => counts.get(vectorOf({ phase, member })) ?? 0,
  });
}
