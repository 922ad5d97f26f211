/** Sets of small numbers: a few one by one, ascending; many as a bit for each number. Whichever takes less memory. */

export type NumberSet =
  | { readonly kind: "few"; readonly numbers: Uint32Array }
  | { readonly kind: "many"; readonly words: Uint32Array; readonly size: number };

export const sizeOf = (set: NumberSet): number => (set.kind === "few" ? set.numbers.length : set.size);

/** Of memory, with what V8 needs beside. */
export const bytesOf = (set: NumberSet): number => 256 + (set.kind === "few" ? set.numbers : set.words).byteLength;

/** `numbers` ascending, none twice, all below `total`. */
export function setOf(numbers: Uint32Array, total: number): NumberSet {
  if (numbers.length * 32 <= total) return { kind: "few", numbers };
  const words = emptyWords(total);
  for (const number of numbers) words[number >>> 5]! |= 1 << (number & 31);
  return { kind: "many", words, size: numbers.length };
}

export function has(set: NumberSet, number: number): boolean {
  if (set.kind === "many") return ((set.words[number >>> 5] ?? 0) & (1 << (number & 31))) !== 0;
  return set.numbers[placeOf(set.numbers, number)] === number;
}

export function withNumber(set: NumberSet, number: number, total: number): NumberSet {
  if (has(set, number)) return set;
  if (set.kind === "few") {
    const { numbers } = set;
    const at = placeOf(numbers, number);
    const more = new Uint32Array(numbers.length + 1);
    more.set(numbers.subarray(0, at));
    more[at] = number;
    more.set(numbers.subarray(at), at + 1);
    return setOf(more, total);
  }
  if (number >>> 5 < set.words.length) {
    set.words[number >>> 5]! |= 1 << (number & 31);
    return { kind: "many", words: set.words, size: set.size + 1 };
  }
  // Kept when there were fewer numbers in all.
  if ((set.size + 1) * 32 <= total) return { kind: "few", numbers: Uint32Array.of(...numbersOf(set.words), number) };
  const words = emptyWords(total);
  words.set(set.words);
  words[number >>> 5]! |= 1 << (number & 31);
  return { kind: "many", words, size: set.size + 1 };
}

/** Stays as it is kept, however few are left: the next start makes it smaller. */
export function withoutNumber(set: NumberSet, number: number): NumberSet {
  if (!has(set, number)) return set;
  if (set.kind === "few") return { kind: "few", numbers: set.numbers.filter((one) => one !== number) };
  set.words[number >>> 5]! &= ~(1 << (number & 31));
  return { kind: "many", words: set.words, size: set.size - 1 };
}

export const emptyWords = (total: number): Uint32Array => new Uint32Array((total + 31) >>> 5);

function* numbersOf(words: Uint32Array): Generator<number> {
  for (let number = 0; number < words.length * 32; number += 1) {
    if ((words[number >>> 5]! & (1 << (number & 31))) !== 0) yield number;
  }
}

/** Adds the set to `words`. */
export function addTo(words: Uint32Array, set: NumberSet): void {
  if (set.kind === "few") for (const number of set.numbers) words[number >>> 5]! |= 1 << (number & 31);
  else for (let at = Math.min(words.length, set.words.length) - 1; at >= 0; at -= 1) words[at]! |= set.words[at]!;
}

/** Leaves in `words` what is in `others` too, or what is not. */
export function keepIn(words: Uint32Array, others: Uint32Array): void {
  for (let at = 0; at < words.length; at += 1) words[at]! &= others[at]!;
}
export function keepOut(words: Uint32Array, others: Uint32Array): void {
  for (let at = 0; at < words.length; at += 1) words[at]! &= ~others[at]!;
}

/** The first place whose number is not below this one. */
function placeOf(numbers: Uint32Array, number: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle]! < number) low = middle + 1;
    else high = middle;
  }
  return low;
}
