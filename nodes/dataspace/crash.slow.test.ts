/** kill -9 on both sides, in every state, right before and right after it is on disk: real processes, stores and HTTP. */
import { test } from "vitest";
import { uuidOf } from "../../exchange/requests/record.ts";
import { expectToSurvive } from "./_crash-pair.ts";

const STATES = ["REQUESTED", "AGREED", "VERIFIED", "FINALIZED"] as const;
const points = (["alpha", "beta"] as const).flatMap((side) =>
  STATES.flatMap((state) =>
    (["before", "after"] as const).map((when) => ({ side, state, when, pid: uuidOf({ side, state, when }) })),
  ),
);

test("a negotiation ends as agreed on both sides, wherever one of them is killed", async () => {
  await expectToSurvive({
    program: new URL("_crash-process.ts", import.meta.url),
    collection: "negotiations",
    points,
    end: "FINALIZED",
    sure: { alpha: ["AGREED", "FINALIZED"], beta: ["REQUESTED", "VERIFIED"] },
  });
});
