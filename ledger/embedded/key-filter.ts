/**
 * Which keys a store may hold (Bloom, CACM 13(7), 1970): what it does not tell is not there, so that nobody needs to read
 * to know it. Most records ask for a key that nobody has used. Whoever chooses keys so that they collide makes himself
 * reads, no wrong answers.
 */

export interface KeyFilter {
  add(key: string): void;
  /** False: never added. True: added, or one in some hundreds of others. */
  mayHold(key: string): boolean;
}

const FIRST_KEYS = 1 << 15;
const BITS_PER_KEY = 16;
const PROBES = 5;

/** Grows by layers, each for twice as many keys as the one before. Two bytes a key, and up to twice that. */
export function createKeyFilter(): KeyFilter {
  const layers: Uint32Array[] = [];
  let capacity = FIRST_KEYS / 2;
  let room = 0;

  return Object.freeze({
    add(key: string) {
      if (room === 0) {
        capacity *= 2;
        room = capacity;
        layers.push(new Uint32Array((capacity * BITS_PER_KEY) / 32));
      }
      room -= 1;
      const layer = layers[layers.length - 1]!;
      const mask = layer.length * 32 - 1;
      const { first, second } = hashesOf(key);
      for (let probe = 0; probe < PROBES; probe += 1) {
        const bit = (first + Math.imul(probe, second)) & mask;
        layer[bit >>> 5]! |= 1 << (bit & 31);
      }
    },
    mayHold(key: string) {
      const { first, second } = hashesOf(key);
      return layers.some((layer) => holds(layer, first, second));
    },
  });
}

function holds(layer: Uint32Array, first: number, second: number): boolean {
  const mask = layer.length * 32 - 1;
  for (let probe = 0; probe < PROBES; probe += 1) {
    const bit = (first + Math.imul(probe, second)) & mask;
    if ((layer[bit >>> 5]! & (1 << (bit & 31))) === 0) return false;
  }
  return true;
}

/** FNV-1a and a second one with another prime, whose low bits are mixed; the step is odd, so that probes differ. */
function hashesOf(key: string): { readonly first: number; readonly second: number } {
  let first = 0x811c9dc5;
  let second = 0x9747b28c;
  for (let at = 0; at < key.length; at += 1) {
    const unit = key.charCodeAt(at);
    first = Math.imul(first ^ unit, 0x01000193);
    second = Math.imul(second ^ unit, 0x5bd1e995);
  }
  return { first: mixed(first), second: mixed(second) | 1 };
}

const mixed = (word: number): number => {
  const half = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  return half ^ (half >>> 13);
};
