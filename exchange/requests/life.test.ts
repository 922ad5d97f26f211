import fc from "fast-check";
import { expect, test } from "vitest";
import { RequestError } from "./errors.ts";
import { allowedMoves, isOver, isRefusedByAll, type LifeEvent, MAX_RESTARTS, type RequestLife, step } from "./life.ts";

const TIME = "2026-11-22T08:00:00.000Z";
const ASSETS = ["alpha:panel", "beta:panel"];
const event = (type: LifeEvent["type"], body: object, signer = "ministry"): LifeEvent =>
  ({ type, signer, time: TIME, body }) as unknown as LifeEvent;
const submit = event("request.submit", { request: "r", digest: "d", assets: ASSETS, receiver: "bureau" });
const decide = (asset: string, outcome: string) =>
  event("decision.record", { request: "r", asset, outcome, reasons: [`${outcome}-code`] });
const conclude = (asset: string) =>
  event("agreement.conclude", { request: "r", asset, agreement: `a-${asset}`, assetVersion: 1, validUntil: TIME });
const open = (computation: string, restartOf?: string) =>
  event("computation.open", { request: "r", computation, ...(restartOf === undefined ? {} : { restartOf }) });
const fail = (computation: string) => event("computation.fail", { computation, reason: "too-few-keys" });
const live = (...events: readonly LifeEvent[]): RequestLife =>
  events.reduce<RequestLife>(step, { name: "draft", id: "r" });
const agreed = [submit, ...ASSETS.flatMap((asset) => [decide(asset, "permit"), conclude(asset)])];

test("a request goes from draft to released through every named state", () => {
  const names = [...agreed, open("c"), event("computation.counts", { computation: "c" })].map(
    (_, index, all) => live(...all.slice(0, index + 1)).name,
  );
  expect(names).toEqual(["submitted", "submitted", "submitted", "submitted", "agreed", "opened", "counted"]);
  const computed = live(...agreed, open("c"), event("computation.close", { computation: "c", phase: 2 }));
  expect(computed.name).toBe("computed");
  const release = { computation: "c", request: "r", resultDigest: "d", rules: [], reviewers: [], withheldCells: 2 };
  expect(step(computed, event("result.release", release))).toMatchObject({ name: "released", withheldCells: 2 });
  expect(step(computed, event("result.withhold", { computation: "c", reasons: ["zero-total"] }))).toMatchObject({
    name: "withheld",
    reasons: ["zero-total"],
  });
});

test("a refusal stays with its reason, and one agreement is enough to be agreed", () => {
  const life = live(submit, decide("beta:panel", "refuse"), decide("alpha:panel", "permit"), conclude("alpha:panel"));
  expect(life).toMatchObject({ name: "agreed", assets: { "beta:panel": { reasons: ["refuse-code"] } } });
});

test("a request that everyone refused is never agreed", () => {
  const life = live(submit, ...ASSETS.map((asset) => decide(asset, "refuse")));
  expect(life.name).toBe("submitted");
  expect(life.name === "submitted" && isRefusedByAll(life)).toBe(true);
});

test("what waits for a person keeps the request from being agreed", () => {
  expect(
    live(submit, decide("alpha:panel", "permit"), conclude("alpha:panel"), decide("beta:panel", "wait")).name,
  ).toBe("submitted");
});

test("a revoked agreement no longer stands", () => {
  const revoked = live(...agreed, event("agreement.revoke", { agreement: "a-alpha:panel", reason: "gone" }));
  expect(revoked).toMatchObject({ assets: { "alpha:panel": { agreement: { revoked: "gone" } } } });
});

test("a failed computation is restarted by name, at most three times", () => {
  let life = live(...agreed, open("c0"), fail("c0"));
  for (let attempt = 1; attempt <= MAX_RESTARTS; attempt += 1) {
    life = step(life, open(`c${attempt}`, `c${attempt - 1}`));
    expect(life.name).toBe("opened");
    life = step(life, fail(`c${attempt}`));
  }
  expect(step(life, open("c4", "c3")).name).toBe("failed");
  expect(step(live(...agreed, open("c0"), fail("c0")), open("c1", "other")).name).toBe("failed");
});

test("whatever comes, a step moves along the table or throws its own error, and what is over stays over", () => {
  const events = [
    ...agreed,
    open("c"),
    fail("c"),
    event("computation.close", { computation: "c", phase: 1 }),
    event("computation.close", { computation: "c", phase: 2 }),
    event("request.cancel", { request: "r", reason: "changed-mind" }),
    event("result.withhold", { computation: "c", reasons: ["x"] }),
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...events), { maxLength: 30 }), (sequence) => {
      let life: RequestLife = { name: "draft", id: "r" };
      for (const next of sequence) {
        const before: RequestLife = life;
        try {
          life = step(before, next);
          expect(allowedMoves(before.name)).toContain(next.type);
        } catch (error) {
          expect(error).toBeInstanceOf(RequestError);
          expect(allowedMoves(before.name)).not.toContain(next.type);
        }
        if (isOver(before) && before.name !== "failed") expect(life.name).toBe(before.name);
      }
    }),
  );
});
