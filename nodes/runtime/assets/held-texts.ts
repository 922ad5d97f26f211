/**
 * Packed texts in memory, within a budget of bytes: beside each other in large pieces, since a buffer for each text is
 * what the collector has most work with. The pieces that were begun the longest ago go first, with all that is in them.
 */
import { type PackedText, packedFrom } from "../../../exchange/catalog/packed-text.ts";

const PIECE_BYTES = 1024 * 1024;
/** Longer ones are read each time. */
const LONGEST = 64 * 1024;
const LENGTH_BYTES = 4;

export interface HeldTexts {
  /** `number` is the text's own for as long as this lives. */
  get(number: number, id: string): PackedText;
  /** It is another one, or none, on disk. */
  forget(number: number): void;
  clear(): void;
}

export function createHeldTexts(options: {
  readonly read: (id: string) => Uint8Array;
  readonly bytes: number;
}): HeldTexts {
  const most = Math.max(1, Math.floor(options.bytes / PIECE_BYTES));
  const pieces = new Map<number, Buffer>();
  let newest = -1;
  let used = PIECE_BYTES;
  /** By number: bytes before it since the beginning, and 1. */
  let places = new Float64Array(0);

  function keep(number: number, bytes: Uint8Array): void {
    if (used + LENGTH_BYTES + bytes.length > PIECE_BYTES) {
      newest += 1;
      used = 0;
      // Views of a piece that goes stay good for whoever has them.
      pieces.set(newest, Buffer.allocUnsafeSlow(PIECE_BYTES));
      pieces.delete(newest - most);
    }
    const piece = pieces.get(newest)!;
    piece.writeUInt32LE(bytes.length, used);
    piece.set(bytes, used + LENGTH_BYTES);
    if (number >= places.length) {
      const more = new Float64Array(Math.max(number + 1, places.length + (places.length >> 1), 64));
      more.set(places);
      places = more;
    }
    places[number] = newest * PIECE_BYTES + used + 1;
    used += LENGTH_BYTES + bytes.length;
  }

  function held(number: number): Uint8Array | undefined {
    const place = (places[number] ?? 0) - 1;
    const piece = place < 0 ? undefined : pieces.get(Math.floor(place / PIECE_BYTES));
    if (piece === undefined) return undefined;
    const at = place % PIECE_BYTES;
    return piece.subarray(at + LENGTH_BYTES, at + LENGTH_BYTES + piece.readUInt32LE(at));
  }

  return Object.freeze({
    get(number: number, id: string) {
      const known = held(number);
      if (known !== undefined) return packedFrom(known);
      const bytes = options.read(id);
      if (bytes.length <= LONGEST) keep(number, bytes);
      return packedFrom(bytes);
    },
    forget(number: number) {
      if (number < places.length) places[number] = 0;
    },
    clear() {
      pieces.clear();
      used = PIECE_BYTES;
    },
  });
}
