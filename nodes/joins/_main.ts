/**
 * `npm run test:psi -- [--items N] [--seed S]`: the long run. Intersection, cardinality and join statistics of two lists of
 * about N items (a million where nothing is said) against a plain look-up. Exit 1 when any is wrong.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compareWithBruteForce } from "./_brute-force.ts";

const { values } = parseArgs({ options: { items: { type: "string" }, seed: { type: "string" } } });
const items = Number(values.items ?? 1_000_000);
const folder = await mkdtemp(join(tmpdir(), "sealane-psi-"));
try {
  for await (const { operation, keys, isRight, ms } of compareWithBruteForce(items, Number(values.seed ?? 1), folder)) {
    console.log(`${operation} of ${items}: ${keys} keys, ${isRight ? "right" : "WRONG"}, ${(ms / 1000).toFixed(1)} s`);
    if (!isRight) process.exitCode = 1;
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
