import { expect, test } from "vitest";
import { PeerError } from "../peer/peer-error.ts";
import { isPassing } from "./passing.ts";

const refused = (status: number) => new PeerError("ERR_PEER_REFUSED", "no", { answer: { status, code: "ERR_X" } });

test("what the other side does not know yet is asked for again, what it refuses is not", () => {
  expect(isPassing(refused(404))).toBe(true);
  expect(isPassing(refused(503))).toBe(true);
  expect(isPassing(new PeerError("ERR_PEER_UNREACHABLE", "away"))).toBe(true);
  expect(isPassing(refused(403))).toBe(false);
  expect(isPassing(refused(409))).toBe(false);
  expect(isPassing(new TypeError("a bug"))).toBe(false);
});
