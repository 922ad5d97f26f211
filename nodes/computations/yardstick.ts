/**
 * How fast this machine is, against the one that estimates were measured on: processor time of a fixed piece of work of
 * the kinds that a run consists of. Measured once in a process, after a first round that warms it.
 */
import { createCipheriv, hash } from "node:crypto";
import { intl } from "../../crypto/suites/intl.ts";
import { YARDSTICK_SECONDS } from "../../exchange/planner/costs.ts";

const ROUNDS = 5;
const SIGNATURES = 60;
const KEY = new Uint8Array(32).fill(7);
const BLOCK = new Uint8Array(1 << 20);
const DOCUMENT = JSON.stringify(Array.from({ length: 2_000 }, (_, i) => ({ id: `member-${i}`, value: `${i}.5` })));

function work(): void {
  const { publicKey, privateKey } = intl.keyPair(KEY);
  for (let i = 0; i < SIGNATURES; i++) {
    const message = BLOCK.subarray(i, i + 600);
    intl.verify(publicKey, message, intl.sign(privateKey, message));
  }
  const cipher = createCipheriv("aes-256-ctr", KEY, BLOCK.subarray(0, 16));
  for (let i = 0; i < 4; i++) hash("sha256", cipher.update(BLOCK));
  for (let i = 0; i < 4; i++) JSON.stringify(JSON.parse(DOCUMENT));
}

function secondsOf(piece: () => void): number {
  const before = process.threadCpuUsage();
  piece();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1e6;
}

let known: number | undefined;

/** Processor seconds of the fixed work: the least of some rounds, since whatever else happens only adds. */
export function yardstick(): number {
  if (known !== undefined) return known;
  work();
  known = Math.min(...Array.from({ length: ROUNDS }, () => secondsOf(work)));
  return known;
}

/** Above 1: slower than the machine that the figures are from. */
export const speedHere = (): number => yardstick() / YARDSTICK_SECONDS;
