/** Joins under examination: every run recorded, counted, within what was agreed on, and what was told in it signed and worked out again. */
import { createHash } from "node:crypto";
import { PsiError } from "../../crypto/psi/errors.ts";
import { openGroups } from "../../crypto/psi/join.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import { beforeIn, expectAgreedOrder } from "./check-ledger.ts";
import {
  type AgreedEvidence,
  agreedRecordsOf,
  type BundleRecord,
  bodyOf,
  type CheckOf,
  expectSigned,
  type LocatedRecord,
  recordEvidence,
  sameJson,
} from "./evidence.ts";
import type { JoinEvidence, JoinRunEvidence } from "./join-bundle.ts";
import { matchedGroups } from "./join-statements.ts";
import { termOf } from "./policy-term.ts";
import type { Findings } from "./problems.ts";
import type { TrustIndex } from "./trust-index.ts";

export interface ExaminedJoins extends AgreedEvidence {
  readonly body: JoinEvidence["body"];
  readonly requester: string;
  readonly provider: string;
}

export function joinsOf({ body }: JoinEvidence, trust: TrustIndex): ExaminedJoins {
  const agreement = body.agreements[0]!;
  const provider = agreement.record.transaction.signer;
  const requester = body.submitted.record.transaction.signer;
  const { coordinator } = body.submitted.request.document.statement;
  const { asset, assetVersion, agreement: id } = bodyOf(agreement);
  const runs = body.runs.flatMap((run, at) => recordsIn(run, `/body/runs/${at}`));
  const last = Math.max(...runs.map(({ record }) => record.position));
  const matchers = body.runs.some(({ sums }) => sums !== undefined) ? [coordinator] : [];
  return {
    ...recordEvidence(body, trust, {
      records: [...agreedRecordsOf(body), ...runs],
      named: [],
      last,
      actors: [provider, requester, ...matchers, trust.sequencerAt(last)],
    }),
    requester,
    provider,
    cohort: [{ member: asset.slice(0, asset.indexOf(":")), asset, assetVersion, agreement: id }],
    policies: { where: "/body/policies", documents: body.policies },
    usedAt: body.runs.map(({ opened }) => opened.time),
  };
}

const recordsIn = ({ opened, committed, ended }: JoinRunEvidence, where: string): readonly LocatedRecord[] =>
  Object.entries({ opened, committed, ended }).flatMap(([name, record]) =>
    record === undefined ? [] : [{ where: `${where}/${name}`, record: record as BundleRecord }],
  );

const recorded = <B>(record: { readonly transaction: { readonly statement: { readonly body: B } } }): B =>
  bodyOf({ record });

/** Commitments of both sides before anything else of a run, and each run after the one before it. */
export const checkJoinOrder: CheckOf<ExaminedJoins> = (evidence, findings) => {
  expectAgreedOrder(evidence, findings);
  const { agreements, runs } = evidence.body;
  const before = beforeIn(findings);
  for (const [at, { opened, committed, ended }] of runs.entries()) {
    before(at === 0 ? agreements[0]!.record : runs[at - 1]!.opened, opened, `/runs/${at}/opened`);
    if (committed !== undefined) {
      before(opened, committed, `/runs/${at}/committed`);
      before(committed, ended, `/runs/${at}/ended`);
    } else before(opened, ended, `/runs/${at}/ended`);
  }
};

/** Each record by whoever may say it, about this run; none is missing before the last one; a release is the provider's and the recorded one. */
export const checkJoins: CheckOf<ExaminedJoins> = (evidence, findings) => {
  const { body, requester, provider } = evidence;
  const { agreement } = bodyOf(body.agreements[0]!);
  for (const [at, one] of body.runs.entries()) {
    const where = `/body/runs/${at}`;
    const same = (got: string | number, expected: string | number, what: string) =>
      findings.expect(got === expected, `${where}/${what}`, "names-other", { expected, got });
    const by = (
      record: { readonly transaction: { readonly signer: string } },
      members: readonly string[],
      what: string,
    ) =>
      findings.expect(
        members.includes(record.transaction.signer),
        `${where}/${what}/transaction/signer`,
        "wrong-signer",
        {
          expected: members.join(),
          got: record.transaction.signer,
        },
      );
    const { opened, committed, ended, release } = one;
    const [open, end] = [recorded(opened), recorded(ended)];
    same(open.agreement, agreement, "opened/transaction/statement/body/agreement");
    same(open.number, at + 1, "opened/transaction/statement/body/number");
    same(end.run, open.run, "ended/transaction/statement/body/run");
    by(opened, [requester], "opened");
    by(ended, end.outcome === "failed" ? [requester, provider] : [provider], "ended");
    if (committed !== undefined) {
      by(committed, [provider], "committed");
      same(recorded(committed).run, open.run, "committed/transaction/statement/body/run");
    }
    findings.expect(committed !== undefined || end.outcome === "failed", `${where}/committed`, "join-outcome", {
      outcome: end.outcome,
    });
    if (release === undefined) {
      // Whoever asked can have it from the provider again, so only what is hidden is missing.
      findings.expect(end.outcome !== "released", `${where}/release`, "join-release-missing", { run: at + 1 });
      continue;
    }
    const { statement } = release;
    expectSigned({ evidence, findings }, "join", release, {
      where: `${where}/release`,
      member: provider,
      position: ended.position,
    });
    findings.expect(end.release === digestOf(release), `${where}/release`, "digest-mismatch", {
      expected: end.release ?? "none",
    });
    same(statement.run, open.run, "release/statement/run");
    same(statement.request, body.request, "release/statement/request");
    same(statement.agreement, agreement, "release/statement/agreement");
    same(statement.number, open.number, "release/statement/number");
    const isCount = statement.told.kind === "count";
    const wanted = open.operation === "statistics" ? !isCount : isCount;
    const isNamed = statement.told.kind === "count" && statement.told.answer !== undefined;
    findings.expect(
      wanted && isNamed === (open.operation === "intersection"),
      `${where}/release/statement/told`,
      "join-outcome",
      { operation: open.operation },
    );
  }
};

/** Operation, sizes and number of runs are within agreement, request and policy. */
export const checkJoinLimit: CheckOf<ExaminedJoins> = ({ body }, findings) => {
  const limit = bodyOf(body.agreements[0]!).joinRuns ?? 0;
  const [policy] = body.policies;
  const whole = (term: string, silent: number): number => Number(termOf(policy, term) ?? silent);
  const allowed = whole("sealane:joinRuns", SILENT.runs);
  findings.expect(limit === allowed, "/body/agreements/0/record/transaction/statement/body/joinRuns", "join-limit", {
    runs: limit,
    allowed,
  });
  const operations = termOf(policy, "sealane:joinOperation");
  const { operation, items } = body.submitted.request.document.statement.join;
  findings.expect(Array.isArray(operations) && operations.includes(operation), "/body/policies/0", "join-limit", {
    operation,
  });
  const least = whole("sealane:joinLeastItems", SILENT.leastItems);
  const most = Math.min(items, whole("sealane:joinMostItems", SILENT.mostItems));
  for (const [at, { opened }] of body.runs.entries()) {
    const where = `/body/runs/${at}/opened/transaction/statement/body`;
    const open = recorded(opened);
    findings.expect(open.number <= limit, `${where}/number`, "join-limit", { runs: open.number, allowed: limit });
    findings.expect(open.operation === operation, `${where}/operation`, "join-limit", { operation });
    // A list outside of these sizes is committed to, and refused: nothing may be told of it.
    const isTold = recorded(body.runs[at]!.ended).outcome !== "failed";
    findings.expect(!isTold || (open.size >= least && open.size <= most), `${where}/size`, "join-limit", {
      least,
      most,
      got: open.size,
    });
  }
};

/** What a policy is taken to say where it is silent: policies/model/terms.ts, compared by a test. */
export const SILENT = Object.freeze({ runs: 1, leastItems: 100, mostItems: 1_000_000, minimumGroup: 10 });

/** No number below the minimum was told, and sums follow from the coordinator's groups and the provider's seed. */
export const checkJoinFigures: CheckOf<ExaminedJoins> = (evidence, findings) => {
  const { body } = evidence;
  const minimum = Math.max(
    Number(termOf(body.policies[0], "sealane:joinMinimumGroup") ?? SILENT.minimumGroup),
    Number(termOf(body.policies[0], "sealane:minimumUnits") ?? 0),
  );
  for (const [at, one] of body.runs.entries()) {
    const where = `/body/runs/${at}`;
    const { release, committed, opened } = one;
    if (release === undefined || committed === undefined) {
      findings.expect(one.sums === undefined, `${where}/sums`, "join-outcome", { outcome: "none" });
      continue;
    }
    const { statement } = release;
    findings.expect(statement.minimum === minimum, `${where}/release/statement/minimum`, "join-limit", {
      expected: minimum,
      got: statement.minimum,
    });
    const { told } = statement;
    if (told.kind === "count") {
      const most = Math.min(recorded(opened).size, recorded(committed).size);
      findings.expect(told.keys >= minimum && told.keys <= most, `${where}/release/statement/told/keys`, "join-limit", {
        least: minimum,
        most,
        got: told.keys,
      });
    } else expectSums(evidence, findings, one, where);
  }
};

function expectSums(evidence: ExaminedJoins, findings: Findings, one: JoinRunEvidence, where: string): void {
  const { sums, release, committed, opened, ended } = one;
  const { told, minimum } = release!.statement;
  if (sums === undefined || told.kind !== "sums") {
    findings.expect(sums === undefined, `${where}/sums`, "join-outcome", { outcome: "none" });
    return;
  }
  const { coordinator } = evidence.body.submitted.request.document.statement;
  findings.expect(told.matcher === coordinator, `${where}/release/statement/told/matcher`, "names-other", {
    expected: coordinator,
    got: told.matcher,
  });
  const { matched } = sums;
  expectSigned({ evidence, findings }, "join", matched, {
    where: `${where}/sums/matched`,
    member: coordinator,
    position: ended.position,
  });
  const run = recorded(opened).run;
  findings.expect(
    matched.statement.run === run && matched.statement.minimum === minimum,
    `${where}/sums/matched/statement`,
    "names-other",
    { expected: run, got: matched.statement.run },
  );
  const digests = [
    [matched.statement.holder, told.sent, "matched/statement/holder"],
    [sha256(sums.seed), told.seed, "seed"],
  ] as const;
  for (const [got, expected, what] of digests) {
    findings.expect(got === expected, `${where}/sums/${what}`, "digest-mismatch", { expected });
  }
  const about = {
    seed: fromBase64url(sums.seed, "seed", 32),
    run: fromBase64url(run, "run", 16),
    size: recorded(committed!).size,
    columns: told.columns,
    minimum,
  };
  try {
    const groups = openGroups(matchedGroups(matched), about);
    const again = groups.map(({ group, rows, sums: all }) => ({ group, rows, sums: all.map(String) }));
    findings.expect(sameJson(again, sums.opened), `${where}/sums/opened`, "join-figures", {});
  } catch (error) {
    if (!(error instanceof PsiError)) throw error;
    findings.fail(`${where}/sums/matched/statement/groups`, "join-figures", {});
  }
}

const sha256 = (text: string): string =>
  createHash("sha256")
    .update(fromBase64url(text, "seed", 32))
    .digest("base64url");
