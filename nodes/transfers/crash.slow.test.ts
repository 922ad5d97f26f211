/** kill -9 on both sides of a transfer, in every state, right before and right after it is on disk. */
import { test } from "vitest";
import { uuidOf } from "../../exchange/requests/record.ts";
import { expectToSurvive } from "../dataspace/_crash-pair.ts";

const STATES = ["REQUESTED", "STARTED", "SUSPENDED", "COMPLETED"] as const;
/** Each side dies in each state; before it is on disk on one side, after it on the other. */
const points = (["alpha", "beta"] as const).flatMap((side, first) =>
  STATES.map((state, at) => {
    const when = (first + at) % 2 === 0 ? ("before" as const) : ("after" as const);
    return { side, state, when, pid: uuidOf({ transfer: side, state, when }) };
  }),
);

test("a transfer that is suspended, resumed and completed ends so on both sides, wherever one of them is killed", async () => {
  await expectToSurvive({
    program: new URL("_crash-process.ts", import.meta.url),
    collection: "transfers",
    points,
    end: "COMPLETED",
    sure: { alpha: ["STARTED"], beta: ["REQUESTED", "SUSPENDED", "COMPLETED"] },
  });
});
