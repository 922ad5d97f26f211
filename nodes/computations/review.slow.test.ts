/** Results that persons look at before they leave: two of the release authority, over a restart, and never looser. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { verifyEvidence } from "../../ledger/audit/verify.ts";
import { personToken } from "../http/person-token.ts";
import type { ReviewBriefView, ReviewView } from "../http/routes/reviews/schemas.ts";
import { exportTrust } from "../runtime/network/trust.ts";
import { createNetwork, type Network, SUM_BY_YEAR } from "./_network.ts";

const HOURS = 24;
let network: Network;
beforeAll(async () => {
  network = await createNetwork({
    policy: () => ({ receiverModes: ["reviewed"], output: { review: { persons: 2, hours: HOURS } } }),
    config: { reviewers: ["li", "wang"] },
  });
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
});

async function asPerson(person: string, method: "GET" | "POST", path: string, body?: unknown, at = "bureau") {
  const { address, token } = network.net.node(at);
  const headers = { authorization: `Bearer ${personToken(token, person)}`, "content-type": "application/json" };
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const answer = await fetch(`${address.api}/api/v1${path}`, { method, headers, ...sent });
  return { status: answer.status, value: (await answer.json()) as ReviewView };
}
const reason = "looked at the table and the history";
const say = (person: string, computation: string, word: string, more: object = {}) =>
  asPerson(person, "POST", `/reviews/${computation}/${word}`, { reason, ...more });

async function inReview(draft: object): Promise<{ readonly request: string; readonly computation: string }> {
  const request = await network.submit(draft);
  for (;;) {
    const { reviews } = await network.call<{ reviews: ReviewBriefView[] }>("bureau", "GET", "/api/v1/reviews");
    const found = reviews.find((one) => one.request === request);
    if (found !== undefined) return { request, computation: found.computation };
    const view = await network.call<{ state: string }>("ministry", "GET", `/api/v1/requests/${request}`);
    expect(["released", "withheld"]).not.toContain(view.state);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
const taxOf = (year: string) => ({
  query: {
    measures: [{ id: "tax", statistic: { kind: "sum", element: "tax-paid" } }],
    groupBy: [],
    filters: [{ element: "year", operator: "eq", values: [year] }],
  },
});
const result = (request: string) =>
  network.call<{ outcome: { document: NonNullable<ReviewView["document"]> } }>(
    "ministry",
    "GET",
    `/api/v1/requests/${request}/result`,
  );

test("two persons let a result out, one of them with less in it, and the node may die in between", async () => {
  const { request, computation } = await inReview({ query: SUM_BY_YEAR });
  await expect(result(request)).rejects.toThrow("ERR_REQUEST_NO_RESULT");
  const before = await asPerson("wang", "GET", `/reviews/${computation}`);
  expect(before.value).toMatchObject({
    state: "open",
    persons: 2,
    approvals: [],
    withheld: [],
    purpose: "industry-statistics",
  });
  expect(before.value.document!.cells.map(({ value }) => value)).toEqual(["20103.2", "20822"]);

  // Persons of others, and what a person may not do.
  expect((await asPerson("chen", "GET", "/reviews")).status).toBe(401);
  expect((await asPerson("wang", "GET", "/requests")).status).toBe(403);
  expect((await say("wang", "00000000-0000-4000-8000-000000000000", "approve")).status).toBe(404);
  const nothing = { withhold: [{ measure: "output", group: { year: "1999" } }] };
  const stray = await say("wang", computation, "restrict", nothing);
  expect(stray).toMatchObject({
    status: 400,
    value: {
      code: "ERR_COMPUTATION_REVIEW_FIGURES",
      errors: [
        { field: "withhold", parameters: { got: "output@year=1999", known: "output@year=2024; output@year=2025" } },
      ],
    },
  });

  const one = { withhold: [{ measure: "output", group: { year: "2024" } }] };
  const changed = await say("wang", computation, "restrict", one);
  expect(changed.value).toMatchObject({ state: "open", approvals: ["bureau/wang"], withheldCells: 1 });
  expect(changed.value.withheld).toMatchObject([{ group: { year: "2024" }, rules: ["review"] }]);
  const twice = await say("wang", computation, "approve");
  expect(twice).toMatchObject({ status: 403, value: { code: "ERR_COMPUTATION_REVIEW_SPOKEN" } });

  await network.net.stop("bureau");
  await network.net.start("bureau");
  const after = await asPerson("li", "GET", `/reviews/${computation}`);
  expect(after.value).toMatchObject({ state: "open", words: [{ reviewer: "bureau/wang", word: "restrict", reason }] });
  expect(after.value.document).toEqual(changed.value.document);
  await say("li", computation, "approve");
  await network.state(request, ["released"]);

  const { document } = (await result(request)).outcome;
  expect(document.cells.map(({ value, withheld }) => withheld ?? value)).toEqual(["disclosure-control", "20822"]);
  const evidence = await network.call<{ body: { outcome: { review?: { words: unknown[] } } } }>(
    "ministry",
    "GET",
    `/api/v1/requests/${request}/evidence`,
  );
  expect(evidence.body.outcome.review?.words).toHaveLength(2);
  const trust = await exportTrust(network.net.node("ministry").services);
  expect(verifyEvidence(evidence, trust).verdict).toBe("verified");
  expect(JSON.stringify(evidence)).not.toContain("20103.2");
  expect(JSON.stringify(evidence)).not.toContain(reason);
  delete evidence.body.outcome.review;
  const [failed] = verifyEvidence(evidence, trust).checks.filter(({ id }) => id === "review");
  expect(failed).toMatchObject({ status: "failed", problems: [{ code: "review-missing" }] });
  expect((await say("li", computation, "approve")).status).toBe(409);
  expect(await network.net.node("bureau").services.inflight.names()).toEqual([]);
});

test("what reviewers withheld is not given away by a later total", async () => {
  const request = await network.submit();
  expect(await network.state(request, ["withheld"], 40_000)).toMatchObject({ reasons: ["disclosure-control"] });
});

test("one person's rejection keeps a result in, and its reason stays here", async () => {
  const { request, computation } = await inReview(taxOf("2024"));
  expect((await say("li", computation, "approve")).status).toBe(200);
  expect((await say("wang", computation, "reject")).value).toMatchObject({ state: "rejected" });
  expect(await network.state(request, ["withheld"])).toMatchObject({ reasons: ["review-rejected"] });
  expect((await asPerson("li", "GET", `/reviews/${computation}`)).value.document).toBeUndefined();
});

test("what nobody approves in time never leaves", async () => {
  const { request, computation } = await inReview(taxOf("2025"));
  await say("li", computation, "approve");
  network.clock.moveTo(network.clock.time() + (HOURS + 1) * 3_600_000);
  expect((await say("wang", computation, "approve")).status).toBe(409);
  const end = await network.state(request, ["withheld", "failed"], 40_000);
  expect([["review-expired"], ["release-deadline"]]).toContainEqual(end.reasons);
});
