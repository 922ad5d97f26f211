/**
 * `npm run test:flips -- [--seed N] [--one]`: flips every bit (with `--one`, a seeded one) of every byte of a small
 * bundle and of a small ledger, and prints how each was found as JSON. Exit 1 when a flip was not found.
 */
import { flipBundle, flipLedger } from "../../ledger/audit/_flips.ts";
import { toolOptions, wrongOptions } from "../boot/tool-options.ts";

const USAGE = "npm run test:flips -- [--seed N] [--one]";
const values = toolOptions(USAGE, {
  seed: { type: "string", default: "1" },
  one: { type: "boolean", default: false },
});
const options = { seed: Number(values.seed), eachBit: !values.one };
if (!Number.isSafeInteger(options.seed)) wrongOptions(USAGE, `--seed: expected a whole number, got ${values.seed}`);
const bundle = await flipBundle(options);
const ledger = await flipLedger(options);
console.log(JSON.stringify({ ...options, bundle, ledger }));
process.exitCode = bundle.missed.length + ledger.missed.length === 0 ? 0 : 1;
