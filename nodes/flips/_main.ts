/**
 * `npm run test:flips -- [--seed N] [--one]`: flips every bit (with `--one`, a seeded one) of every byte of a small
 * bundle and of a small ledger, and prints how each was found as JSON. Exit 1 when a flip was not found.
 */
import { parseArgs } from "node:util";
import { flipBundle, flipLedger } from "../../ledger/audit/_flips.ts";

const { values } = parseArgs({
  options: { seed: { type: "string", default: "1" }, one: { type: "boolean", default: false } },
});
const options = { seed: Number(values.seed), eachBit: !values.one };
if (!Number.isSafeInteger(options.seed)) throw new RangeError(`--seed: expected a whole number, got ${values.seed}`);
const bundle = await flipBundle(options);
const ledger = await flipLedger(options);
console.log(JSON.stringify({ ...options, bundle, ledger }));
process.exitCode = bundle.missed.length + ledger.missed.length === 0 ? 0 : 1;
