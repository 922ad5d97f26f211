/** Encrypted queries under examination: every answer recorded, signed by both sides, counted, and within what was agreed on. */
import { digestOf } from "../../crypto/suites/digest.ts";
import { beforeIn, expectAgreedOrder } from "./check-ledger.ts";
import {
  type AgreedEvidence,
  agreedRecordsOf,
  type BundleRecord,
  bodyOf,
  type CheckOf,
  expectSigned,
  recordEvidence,
} from "./evidence.ts";
import { termOf, valueAt } from "./policy-term.ts";
import type { QueryEvidence } from "./query-bundle.ts";
import type { TrustIndex } from "./trust-index.ts";

export interface ExaminedQueries extends AgreedEvidence {
  readonly body: QueryEvidence["body"];
  readonly requester: string;
  readonly provider: string;
}

export function queriesOf({ body }: QueryEvidence, trust: TrustIndex): ExaminedQueries {
  const agreement = body.agreements[0]!;
  const provider = agreement.record.transaction.signer;
  const requester = body.submitted.record.transaction.signer;
  const { asset, assetVersion, agreement: id } = bodyOf(agreement);
  const answers = body.answers.map(({ record }, at) => ({
    where: `/body/answers/${at}/record`,
    record: record as BundleRecord,
  }));
  const last = body.answers.at(-1)!.record.position;
  return {
    ...recordEvidence(body, trust, {
      records: [...agreedRecordsOf(body), ...answers],
      named: [],
      last,
      actors: [provider, requester, trust.sequencerAt(last)],
    }),
    requester,
    provider,
    cohort: [{ member: asset.slice(0, asset.indexOf(":")), asset, assetVersion, agreement: id }],
    policies: { where: "/body/policies", documents: body.policies },
    usedAt: body.answers.map(({ record }) => record.time),
  };
}

export const checkQueryOrder: CheckOf<ExaminedQueries> = (evidence, findings) => {
  expectAgreedOrder(evidence, findings);
  const { agreements, answers } = evidence.body;
  const before = beforeIn(findings);
  for (const [at, { record }] of answers.entries()) {
    before(at === 0 ? agreements[0]!.record : answers[at - 1]!.record, record, `/answers/${at}/record`);
  }
};

/** Each record is of this answer to this query, signed by provider and requester; none is missing before the last one. */
export const checkAnswers: CheckOf<ExaminedQueries> = (evidence, findings) => {
  const { body, requester, provider } = evidence;
  const agreement = bodyOf(body.agreements[0]!).agreement;
  const cells = body.answers[0]!.answer.statement.cells;
  for (const [at, { record, query, answer }] of body.answers.entries()) {
    const where = `/body/answers/${at}`;
    const recorded = bodyOf({ record });
    const { position } = record;
    const same = (got: string | number, expected: string | number, what: string) =>
      findings.expect(got === expected, `${where}/${what}`, "names-other", { expected, got });
    const signer = record.transaction.signer;
    findings.expect(signer === provider, `${where}/record/transaction/signer`, "wrong-signer", {
      expected: provider,
      got: signer,
    });
    expectSigned({ evidence, findings }, "query", query, { where: `${where}/query`, member: requester, position });
    expectSigned({ evidence, findings }, "query", answer, { where: `${where}/answer`, member: provider, position });
    for (const [what, named] of [
      ["query/statement", query.statement],
      ["answer/statement", answer.statement],
    ] as const) {
      same(named.request, body.request, `${what}/request`);
      same(named.agreement, agreement, `${what}/agreement`);
      same(named.number, at + 1, `${what}/number`);
    }
    const body_ = "record/transaction/statement/body";
    same(recorded.agreement, agreement, `${body_}/agreement`);
    same(recorded.number, at + 1, `${body_}/number`);
    const digests = [
      [digestOf(query), recorded.query, `${body_}/query`],
      [digestOf(query), answer.statement.query, "answer/statement/query"],
      [digestOf(answer), recorded.answer, `${body_}/answer`],
    ] as const;
    for (const [expected, got, what] of digests) {
      findings.expect(expected === got, `${where}/${what}`, "digest-mismatch", { expected });
    }
    findings.expect(answer.statement.cells === cells, `${where}/answer/statement/cells`, "answer-cells", {
      expected: cells,
    });
  }
};

/** What was answered, as counted by ledger and provider, is within agreement, request and policy. */
export const checkAnswerLimit: CheckOf<ExaminedQueries> = ({ body }, findings) => {
  const agreement = bodyOf(body.agreements[0]!);
  const limit = agreement.figures ?? 0;
  const asked = body.submitted.request.document.statement.encryptedQuery.figures;
  const stated = valueAt(body.agreements[0]!.document, "sealane:figures");
  const allowed = Number(termOf(body.policies[0], "sealane:answers") ?? 0);
  const at = "/body/agreements/0/record/transaction/statement/body/figures";
  findings.expect(limit === asked && limit === stated, at, "answer-limit", { figures: limit, expected: asked });
  findings.expect(limit >= 1 && limit <= allowed, "/body/policies/0", "answer-limit", { figures: limit, allowed });
  let figures = 0;
  for (const [at, { record, query, answer }] of body.answers.entries()) {
    const where = `/body/answers/${at}`;
    const lists = query.statement.lists.length;
    figures += lists;
    const counts = [bodyOf({ record }).figures, answer.statement.answers.length];
    findings.expect(
      counts.every((one) => one === lists),
      where,
      "count-mismatch",
      { expected: lists, got: counts.find((one) => one !== lists) ?? lists },
    );
    const got = answer.statement.figures;
    findings.expect(got === figures, `${where}/answer/statement/figures`, "count-mismatch", { expected: figures, got });
    findings.expect(figures <= limit, where, "answer-limit", { figures, allowed: limit });
  }
};
