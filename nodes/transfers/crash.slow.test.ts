/** kill -9 on both sides of a transfer, in every state, right before and right after it is on disk. */
import { test } from "vitest";
import { deathsIn, expectToSurvive } from "../dataspace/_crash-pair.ts";

/** alpha is the consumer. */
const completed = deathsIn("completed", "COMPLETED", [
  { state: "REQUESTED", by: "alpha" },
  { state: "STARTED", by: "beta" },
  { state: "SUSPENDED", by: "alpha" },
  { state: "COMPLETED", by: "alpha" },
]);
const held = deathsIn("held", "COMPLETED", [
  { state: "SUSPENDED", by: "beta" },
  { state: "STARTED again", by: "beta" },
]);
const ended = [
  ...deathsIn("stopped", "TERMINATED", [{ state: "TERMINATED", by: "alpha" }]),
  ...deathsIn("refused", "TERMINATED", [{ state: "TERMINATED", by: "beta" }]),
];

test.each([
  ["is suspended, resumed and completed", completed],
  ["its provider holds and starts again", held],
  ["one side ends", ended],
])("a transfer that %s ends so on both sides, wherever one of them is killed", async (_name, points) => {
  await expectToSurvive({
    program: new URL("_crash-process.ts", import.meta.url),
    collection: "transfers",
    points,
  });
});
