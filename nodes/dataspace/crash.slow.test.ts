/** kill -9 on both sides, in every state, right before and right after it is on disk: real processes, stores and HTTP. */
import { test } from "vitest";
import { deathsIn, expectToSurvive } from "./_crash-pair.ts";

/** alpha is the consumer. Every state is there at least once; each path has its own. */
const atOnce = deathsIn("agreed", "FINALIZED", [
  { state: "REQUESTED", by: "alpha" },
  { state: "AGREED", by: "beta" },
  { state: "VERIFIED", by: "alpha" },
  { state: "FINALIZED", by: "beta" },
]);
const offered = [
  ...deathsIn("accepted", "FINALIZED", [
    { state: "OFFERED", by: "beta" },
    { state: "ACCEPTED", by: "alpha" },
  ]),
  ...deathsIn("countered", "FINALIZED", [{ state: "REQUESTED again", by: "alpha" }]),
];
const ended = [
  ...deathsIn("refused", "TERMINATED", [{ state: "TERMINATED", by: "beta" }]),
  ...deathsIn("left", "TERMINATED", [{ state: "TERMINATED", by: "alpha" }]),
];

test.each([
  ["is agreed on at once", atOnce],
  ["goes over offers of both sides", offered],
  ["one side ends", ended],
])(
  "a negotiation that %s ends on both sides as it would have, wherever one of them is killed",
  async (_name, points) => {
    await expectToSurvive({
      program: new URL("_crash-process.ts", import.meta.url),
      collection: "negotiations",
      points,
    });
  },
);
