/** `npm run test:he -- --operations N`: the library's objects and heap over N operations. Exit 1 when anything is left. */
import { parseArgs } from "node:util";
import { runOperations } from "./_operations.ts";

const LISTS = 128;
const { values } = parseArgs({ options: { operations: { type: "string", default: "10000" } } });
const wanted = Number(values.operations);
if (!Number.isSafeInteger(wanted) || wanted < 1) throw new RangeError("--operations: a whole number from 1");
const startedAt = performance.now();
let told = 0;
const left = await runOperations(wanted, LISTS, (operations) => {
  if (operations < told + 1_000) return;
  told = operations;
  console.error(`${operations} of ${wanted}`);
});
const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
console.log(
  `${left.operations} operations in ${seconds} s: ${left.live} objects left, the heap grew by ${left.grownBytes} bytes`,
);
if (left.live !== 0 || left.grownBytes !== 0) process.exitCode = 1;
