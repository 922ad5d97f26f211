/**
 * Distinct values over all organisations, as a HyperLogLog sketch that adds up. Flajolet, Fusy, Gandouet, Meunier,
 * "HyperLogLog" (2007); estimate by Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017),
 * algorithm 6, which is unbiased from zero to saturation.
 *
 * A register is the largest rank of the hashes that fall into it; of a union it is the largest of all. Sums know no
 * largest, so a register is sent as a thermometer: word k is a random non-zero number where the own register is k or
 * more, else zero. The sum of word k is zero exactly where nobody reaches k (but for a chance of 2^-64), and otherwise a
 * random number that tells neither who reaches it nor how many: the receiver learns the registers of the union.
 */
import { StatisticsError } from "./errors.ts";
import type { SourceRow } from "./source.ts";

/** Registers are chosen by the first two hexadecimal digits of the hash. */
export const REGISTERS = 256;
/** Standard error of the estimate, relative: 1.04/√256. */
export const RELATIVE_ERROR = "0.065";
/** The digits after those that a rank is read from, hexadecimal. */
const RANK_DIGITS = 8;
const RANK_BITS = 4 * RANK_DIGITS;

/** Ranks from 1 to this, enough for `rows` distinct values: a rank beyond is met about once in 256 sketches. */
export const ranksFor = (rows: number): number => Math.min(RANK_BITS + 1, Math.ceil(Math.log2(Math.max(rows, 1))) + 1);

/** SQL of the register of a text, and of its rank; `key` makes the sketches of two computations unlike. */
export function registerSql(
  value: string,
  key: string,
  ranks: number,
): { readonly register: string; readonly rank: string } {
  const hash = `sha256(${key} || ${value})`;
  const hex = (from: number, digits: number) => `CAST('0x' || substr(${hash}, ${from}, ${digits}) AS UBIGINT)`;
  const bits = hex(3, RANK_DIGITS);
  const rank = `CASE WHEN ${bits} = 0 THEN ${RANK_BITS + 1} ELSE ${RANK_BITS} - CAST(floor(log2(${bits})) AS INTEGER) END`;
  return { register: hex(1, 2), rank: `least(${rank}, ${ranks})` };
}

/** One row of the sketch's answer. Throws ERR_STATISTICS_SOURCE. */
export function readRegister(row: SourceRow, ranks: number): { readonly register: number; readonly rank: number } {
  const [register, rank] = [Number(row.register), Number(row.rank)];
  const isRank = Number.isInteger(rank) && rank >= 1 && rank <= ranks;
  if (Number.isInteger(register) && register >= 0 && register < REGISTERS && isRank) return { register, rank };
  throw new StatisticsError("ERR_STATISTICS_SOURCE", "register", "expected a register and its rank");
}

/** Fills the words of one atom, register by register, from rank 1 up. */
export function writeThermometers(
  words: BigUint64Array,
  registers: Uint8Array,
  ranks: number,
  random: (bytes: number) => Uint8Array,
): void {
  for (const [register, rank] of registers.entries()) {
    for (let k = 0; k < rank; k++) words[register * ranks + k] = nonZero(random);
  }
}

function nonZero(random: (bytes: number) => Uint8Array): bigint {
  for (;;) {
    const bytes = random(8);
    const word = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
    if (word !== 0n) return word;
  }
}

/** Registers of the union from the sums of one atom. */
export function readThermometers(sums: BigUint64Array, ranks: number): Uint8Array {
  // Halves: comparing big integers would make one for every word, and there may be ten million.
  const halves = new Uint32Array(sums.buffer, sums.byteOffset, 2 * sums.length);
  const registers = new Uint8Array(REGISTERS);
  for (let register = 0; register < REGISTERS; register++) {
    let rank = ranks;
    for (let at = 2 * (register * ranks + rank - 1); rank > 0; rank--, at -= 2) {
      if ((halves[at]! | halves[at + 1]!) !== 0) break;
    }
    registers[register] = rank;
  }
  return registers;
}

/** Number of distinct values; relative standard error `RELATIVE_ERROR`. */
export function estimateDistinct(registers: Uint8Array, ranks: number): number {
  const m = registers.length;
  const counts = new Array<number>(ranks + 1).fill(0);
  for (const rank of registers) counts[rank] = counts[rank]! + 1;
  let z = m * tau(1 - counts[ranks]! / m);
  for (let k = ranks - 1; k >= 1; k--) z = 0.5 * (z + counts[k]!);
  z += m * sigma(counts[0]! / m);
  return Math.round((m * m) / (2 * Math.LN2 * z));
}

function sigma(start: number): number {
  if (start === 1) return Number.POSITIVE_INFINITY;
  let [x, y, z, before] = [start, 1, start, Number.NaN];
  while (z !== before) {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  }
  return z;
}

function tau(start: number): number {
  if (start === 0 || start === 1) return 0;
  let [x, y, z, before] = [start, 1, 1 - start, Number.NaN];
  while (z !== before) {
    x = Math.sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) ** 2 * y;
  }
  return z / 3;
}
