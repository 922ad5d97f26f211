/** Encrypted queries between running nodes: policy, agreement, answers, limits, what is remembered and what is seen. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countQueries, readKey } from "../../chaincode/rules/keys.ts";
import type { HistoryEntry } from "../../crypto/secagg/history.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { verifySigned } from "../../crypto/suites/signed.ts";
import { readPublicKey } from "../../crypto/suites/suite.ts";
import { encodeEvidence } from "../../ledger/audit/build.ts";
import type { QueryEvidence } from "../../ledger/audit/query-bundle.ts";
import { verifyEvidence, verifyEvidenceFile } from "../../ledger/audit/verify.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import { createNetwork, defaultPolicy, type Network, PROVIDERS, SUM_BY_YEAR } from "../computations/_network.ts";
import { exportTrust } from "../runtime/network/trust.ts";

let network: Network;
const seen: string[] = [];
const YEARS = ["2024", "2025"];
const ANSWERED = { figures: 4 };

beforeAll(async () => {
  network = await createNetwork({
    logLevel: process.env.LOG ?? "silent",
    members: [
      { id: "operator", kind: "industry" },
      { id: "ministry", kind: "government" },
      { id: "bureau", kind: "government" },
      // A provider of encrypted queries takes calls.
      ...PROVIDERS.map((id) => ({ id, kind: "enterprise" as const, attributes: { sector: "17" }, reachable: true })),
    ],
    policy: (member) => ({
      receiverModes: ["direct", "reviewed"],
      minimumOrganisations: 5,
      ...(member === "alpha" ? { answers: 5 } : {}),
    }),
    observe(_by, { direction, path, body }) {
      if (direction === "sent" && path.includes("/queries")) seen.push(Buffer.from(body).toString("utf8"));
    },
  });
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
});

const asking = (asset: string, change: object = {}) => ({
  assets: [asset],
  query: SUM_BY_YEAR,
  receiverMode: "direct",
  receiver: "ministry",
  encryptedQuery: ANSWERED,
  ...change,
});
const figure = (id: string, ...weights: readonly (readonly [string, string])[]) => ({
  id,
  terms: weights.map(([year, weight]) => ({ group: { year }, measure: "output", weight })),
});
const ask = (request: string, ...figures: object[]) =>
  network.call<{
    number: number;
    figures: { id: string; value: string | null }[];
    query: { statement: object; signer: string };
    answer: Parameters<typeof verifySigned>[2] & { statement: { query: string; figures: number } };
  }>("ministry", "POST", `/api/v1/requests/${request}/queries`, { figures });

let request: string;

test("a policy that names no answers refuses, and so it does for more of them, or for two assets", async () => {
  const refused = async (draft: object) => {
    const id = await network.submit(draft);
    const { assets } = await network.state(id, ["cancelled"]);
    return assets.flatMap(({ reasons }) => reasons);
  };
  expect(await refused(asking("beta:panel"))).toEqual(["answers-not-allowed"]);
  expect(await refused(asking("alpha:panel", { encryptedQuery: { figures: 6 } }))).toEqual(["answers-not-allowed"]);
  expect(new Set(await refused({ ...asking("alpha:panel"), assets: ["alpha:panel", "beta:panel"] }))).toEqual(
    new Set(["answers-not-allowed", "query-of-one-asset"]),
  );
});

test("under the agreement the requester gets its sums, exact, and both sides' signatures", async () => {
  request = await network.submit(asking("alpha:panel"));
  await network.state(request, ["agreed"]);
  const answer = await ask(request, figure("score", ["2024", "0.7"], ["2025", "-0.3"]), figure("one", ["2025", "1"]));
  expect(answer).toMatchObject({ number: 1, figures: [{ id: "score" }, { id: "one" }] });
  // 0.7 · 3176.5 − 0.3 · 3918.2
  expect(answer.figures.map(({ value }) => value)).toEqual(["1048.09", "3918.2"]);
  const { ledger } = network.net.node("ministry").services;
  const key = (await readKey(ledger, answer.answer.key))!;
  expect([key.member, verifySigned(readPublicKey(key).publicKey, "query", answer.answer)]).toEqual(["alpha", true]);
  expect(answer.answer.statement).toMatchObject({ query: digestOf(answer.query), figures: 2 });
});

test("what goes over the wire says nothing of coefficients or figures", () => {
  expect(seen.length).toBeGreaterThan(0);
  // Keys, ciphertexts, digests and signatures: what they hold is another test's, and four digits occur in them by chance.
  const rest = seen.map((body) =>
    JSON.stringify(JSON.parse(body), (_key, value) =>
      typeof value === "string" && /^[A-Za-z0-9_-]{22,}$/.test(value) ? "" : value,
    ),
  );
  for (const body of rest) {
    for (const word of ["score", "0.7", "1048", "3918", "weight"]) expect(body).not.toContain(word);
  }
});

test("the provider counts: the agreed figures and no more, however they are asked for", async () => {
  expect((await ask(request, figure("a", ["2024", "1"]))).answer.statement.figures).toBe(3);
  await expect(ask(request, figure("b", ["2024", "1"]), figure("c", ["2025", "1"]))).rejects.toThrow(/403|502/);
  expect((await ask(request, figure("b", ["2025", "-2"]))).figures).toEqual([{ id: "b", value: "-7836.4" }]);
  const { accessLog } = network.net.node("alpha").services;
  const logged = (await accessLog.read(0, accessLog.size())).map(({ event }) => event.action);
  expect(logged.filter((action) => action.startsWith("encrypted query"))).toEqual([
    `encrypted query 1 request ${request}, 2 figures`,
    `encrypted query 2 request ${request}, 3 figures`,
    `encrypted query 3 request ${request}, 4 figures`,
  ]);
});

test("of another request there are no queries, and what was asked is listed with both signatures", async () => {
  const path = (id: string) => `/api/v1/requests/${id}/queries`;
  await expect(network.call("ministry", "GET", path("00000000-0000-4000-8000-000000000000"))).rejects.toThrow(/404/);
  const { queries } = await network.call<{ queries: { number: number; answer: { signer: string } }[] }>(
    "ministry",
    "GET",
    path(request),
  );
  expect(queries.map(({ number, answer }) => [number, answer.signer])).toEqual([1, 2, 3].map((one) => [one, "alpha"]));
});

test("no computation is opened on such an agreement", async () => {
  await expect(network.call("ministry", "POST", `/api/v1/requests/${request}/open`, {})).rejects.toThrow(/409/);
});

test("answers count as releases: with the other four alone a sum over five would tell their sum, so the provider takes no part", async () => {
  const { openStore } = network.net.node("alpha").services;
  const cells: string[] = [];
  for await (const [, entry] of openStore<HistoryEntry>("release-history").entries()) {
    cells.push(...entry.cells.map(({ recordKey }) => recordKey));
  }
  expect(new Set(cells).size).toBe(YEARS.length);
  const sum = await network.submit({ query: SUM_BY_YEAR });
  const { state } = await network.state(sum, ["withheld", "failed", "cancelled", "released"]);
  expect(state).not.toBe("released");
  expect(PROVIDERS).toHaveLength(5);
});

describe("the evidence of encrypted queries", () => {
  let bundle: QueryEvidence;
  let trust: Awaited<ReturnType<typeof exportTrust>>;
  const failed = (changed: unknown) =>
    verifyEvidence(changed, trust).checks.flatMap((check) => (check.status === "failed" ? [check.id] : []));

  beforeAll(async () => {
    const evident = await network.submit(asking("alpha:panel"));
    await network.state(evident, ["agreed"]);
    for (const [id, weight] of [
      ["score", "0.7"],
      ["standing", "-1"],
    ] as const) {
      await ask(evident, figure(id, ["2024", weight]), figure(`${id}-2`, ["2025", weight]));
    }
    bundle = await network.call("ministry", "GET", `/api/v1/requests/${evident}/queries/evidence`);
    trust = await exportTrust(network.net.node("operator").services);
  });

  test("verifies with no node, says what it cannot show, and tells nothing of coefficients or figures", () => {
    const report = verifyEvidenceFile(Buffer.from(encodeEvidence(bundle)), trust);
    expect(report.checks.filter(({ status }) => status === "failed")).toEqual([]);
    expect(report.verdict).toBe("verified");
    expect(report.unverifiable).toEqual(["asked-coefficients", "answered-cells", "answered-sums"]);
    expect(bundle.body.answers).toHaveLength(2);
    const text = encodeEvidence(bundle);
    for (const told of ["score", "standing", "0.7", "3176", "3918"]) expect(text).not.toContain(`"${told}`);
  });

  test("shows who answers too much, otherwise, twice, or leaves an answer out", () => {
    const changed = (change: (body: QueryEvidence["body"]) => void) => {
      const copy = structuredClone(bundle);
      change(copy.body);
      return failed(copy);
    };
    expect(changed(({ answers }) => void answers.shift())).toEqual(expect.arrayContaining(["answers", "answer-limit"]));
    expect(changed(({ answers }) => void answers.reverse())).toEqual(expect.arrayContaining(["order", "answers"]));
    expect(
      changed(({ answers }) => {
        answers[1] = answers[0]!;
      }),
    ).toEqual(expect.arrayContaining(["answers"]));
    expect(
      changed(({ answers }) => {
        answers[0]!.query = answers[1]!.query;
      }),
    ).toContain("answers");
    expect(
      changed(({ answers }) => {
        answers[0]!.answer.statement.cells = digestOf("others");
      }),
    ).toContain("answers");
    expect(
      changed(({ answers }) => {
        answers[1]!.answer.statement.figures = 3;
      }),
    ).toContain("answer-limit");
    const policy = (bundle.body.policies[0] as { permission: { constraint: { leftOperand: string }[] }[] }).permission;
    const at = policy[0]!.constraint.findIndex(({ leftOperand }) => leftOperand === "sealane:answers");
    const stricter = changed(({ policies }) => {
      const [document] = policies as { permission: { constraint: { rightOperand: unknown }[] }[] }[];
      document!.permission[0]!.constraint[at]!.rightOperand = "1";
    });
    expect(stricter).toEqual(expect.arrayContaining(["policy-versions", "answer-limit"]));
    expect(
      changed(({ submitted }) => {
        submitted.request.document.statement.encryptedQuery.figures = 9;
      }),
    ).toEqual(expect.arrayContaining(["request", "answer-limit"]));
    expect(
      changed(({ answers }) => {
        answers[0]!.record.transaction.statement.body.figures = 1;
      }),
    ).toEqual(expect.arrayContaining(["inclusion", "transaction-signatures", "answer-limit"]));
  });
});

test("answers of two agreements that differ by one unit, because its table was revised between them, are refused", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sealane-revised-"));
  try {
    const { asset } = await network.call<{ asset: Record<string, unknown> }>(
      "alpha",
      "GET",
      "/api/v1/assets/alpha:panel",
    );
    const path = join(dir, "revised.csv");
    await writeFile(path, "year,output,tax\n2024,3176.5,17.2\n2024,100.1,1.0\n2025,3918.2,31.4\n");
    const { version: _version, provider: _provider, quality: _quality, sourceDigest: _digest, ...described } = asset;
    await network.call("alpha", "POST", "/api/v1/assets", {
      asset: described,
      source: { kind: "csv", path },
      policy: policyOf({ ...defaultPolicy("alpha"), minimumOrganisations: 5, answers: 5, version: 2 }),
    });
    const second = await network.submit(asking("alpha:panel"));
    const { assets } = await network.state(second, ["agreed"]);
    await expect(ask(second, figure("a", ["2024", "1"]))).rejects.toThrow(/tell other organisations apart/);
    const { ledger } = network.net.node("alpha").services;
    expect(await countQueries(ledger, assets[0]!.agreement!)).toEqual({ answers: 0, figures: 0 });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
