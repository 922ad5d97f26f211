import { describe, expect, test } from "vitest";
import type { Role } from "../protocol/vocabulary.ts";
import { asksAgainAt } from "./negotiated.ts";

const at = "2026-11-22T12:00:00.000Z";
const away = { at, code: "ECONNREFUSED", isFinal: false };
const pauseMs = (attempt: number, refusal = away) => asksAgainAt(undefined, refusal, attempt)! - Date.parse(at);
const ended = (code: string, by: Role = "provider") => ({ termination: { by, code, reason: [] } });

describe("a requester asks anew", () => {
  test("after a first message that was never taken, with pauses that grow to a day", () => {
    expect([0, 1, 2, 31].map((attempt) => pauseMs(attempt))).toEqual([60_000, 120_000, 240_000, 24 * 60 * 60_000]);
  });
  test("at once where a policy was replaced, or it was itself that gave up a provider that was away", () => {
    expect(asksAgainAt(ended("policy-replaced"), undefined, 3)).toBe(0);
    expect(asksAgainAt(ended("peer-unreachable", "consumer"), away, 3)).toBe(0);
    expect(asksAgainAt(ended("deadline-passed", "consumer"), undefined, 3)).toBe(0);
  });
  test("never where the provider says that it has waited long enough", () => {
    expect(asksAgainAt(ended("deadline-passed"), undefined, 0)).toBeUndefined();
    expect(asksAgainAt(ended("peer-unreachable"), undefined, 0)).toBeUndefined();
  });
  test("with the same pauses where only the id was wrong, or something between the two refused", () => {
    for (const code of ["pid-taken", "negotiation-running", "http-403"]) {
      expect(pauseMs(1, { at, code, isFinal: true })).toBe(120_000);
    }
  });
  test("never after a provider has refused to begin", () => {
    expect(asksAgainAt(undefined, { at, code: "request-over", isFinal: true }, 0)).toBeUndefined();
  });
  test("never after a refusal or an agreement", () => {
    expect(asksAgainAt(ended("data-request-refused"), undefined, 0)).toBeUndefined();
    expect(asksAgainAt({ termination: undefined }, undefined, 0)).toBeUndefined();
  });
});
