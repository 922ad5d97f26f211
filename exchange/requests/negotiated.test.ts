import { describe, expect, test } from "vitest";
import { asksAgainAt } from "./negotiated.ts";

const at = "2026-11-22T12:00:00.000Z";
const pauseMs = (attempt: number) => asksAgainAt(undefined, at, attempt)! - Date.parse(at);
const ended = (code: string) => ({ termination: { by: "provider" as const, code, reason: [] } });

describe("a requester asks anew", () => {
  test("after a first message that was never taken, with pauses that grow to a day", () => {
    expect([0, 1, 2, 31].map(pauseMs)).toEqual([60_000, 120_000, 240_000, 24 * 60 * 60_000]);
  });
  test("at once where a policy was replaced or a provider was away", () => {
    expect(asksAgainAt(ended("policy-replaced"), undefined, 3)).toBe(0);
    expect(asksAgainAt(ended("peer-unreachable"), at, 3)).toBe(0);
  });
  test("never after a refusal or an agreement", () => {
    expect(asksAgainAt(ended("data-request-refused"), undefined, 0)).toBeUndefined();
    expect(asksAgainAt({ termination: undefined }, undefined, 0)).toBeUndefined();
  });
});
