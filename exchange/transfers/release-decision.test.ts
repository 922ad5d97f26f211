import fc from "fast-check";
import { expect, test } from "vitest";
import { saltedDigest } from "../../crypto/suites/digest.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import { approvalOf, releaseDecisionBody, releaseExplanation, saltedExplanation } from "./release-decision.ts";

const word = fc.stringMatching(/^[a-z]{1,4}$/);
const about = fc.record({
  negotiation: word,
  asset: word,
  assetVersion: fc.integer({ min: 1, max: 3 }),
  consumer: word,
  policyDigest: word,
});
const asked = about.map((one) => ({
  ...one,
  declared: { purpose: "industry-statistics", territory: "CN", retentionDays: 30 },
  columns: [{ name: "year", element: "year" }],
  formats: ["HttpData-PULL"],
  rows: 10,
  bytes: 10,
}));
const explained = fc
  .record({
    asked,
    outcome: fc.constantFrom("permit" as const, "refuse" as const),
    words: fc.option(fc.string({ maxLength: 20 }), { nil: undefined }),
    salt: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  })
  .map(({ asked: records, outcome, words, salt }) => {
    const said = { outcome: outcome === "permit" ? "approved" : "refused", by: "alpha/steward" } as const;
    const decided = { outcome, reasons: ["said"], verdicts: [], policyVersion: 1, at: "2026-06-01T00:00:00Z" };
    return releaseExplanation(records, { ...said, ...(words === undefined ? {} : { words }) }, decided, salt);
  });

test("a decision counts for the negotiation, consumer, asset, version and policy that it names, and for no other", () => {
  fc.assert(
    fc.property(explained, fc.oneof(about, fc.constant(undefined)), (explanation, other) => {
      const wanted = other ?? explanation;
      const found = { time: "2026-06-01T00:00:01Z", decision: releaseDecisionBody(explanation) };
      const names = ["negotiation", "asset", "assetVersion", "consumer", "policyDigest"] as const;
      const isSame = names.every((name) => wanted[name] === explanation[name]);
      const outcome = explanation.outcome === "permit" ? "approved" : "refused";
      expect(approvalOf(found, wanted)).toEqual(isSame ? { outcome, by: "alpha/steward", at: found.time } : undefined);
    }),
  );
  expect(
    approvalOf(undefined, { negotiation: "n", asset: "a", assetVersion: 1, consumer: "c", policyDigest: "p" }),
  ).toBe(undefined);
});

test("the digest on the ledger covers all that the steward saw and said, under its salt", () => {
  fc.assert(
    fc.property(explained, fc.string({ maxLength: 20 }), (explanation, words) => {
      const { explanationDigest } = releaseDecisionBody(explanation);
      const { salt, document } = saltedExplanation(explanation);
      expect(saltedDigest(fromBase64url(salt, "salt", 32), document)).toBe(explanationDigest);
      for (const change of [
        { words: `${explanation.words}${words}.` },
        { rows: 11 },
        { columns: [] },
        { decidedBy: "x" },
      ]) {
        expect(releaseDecisionBody({ ...explanation, ...change }).explanationDigest).not.toBe(explanationDigest);
      }
      expect(JSON.stringify(releaseDecisionBody(explanation))).not.toContain("year");
    }),
  );
});
