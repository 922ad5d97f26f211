/** The one offline verifier of evidence bundles, for both ledgers. Needs only the bundle and the trust file. */
import type { TSchema } from "typebox";
import { digestOf } from "../../crypto/suites/digest.ts";
import { encodeEvidence } from "./build.ts";
import { type EvidenceBundle, EvidenceBundle as EvidenceBundleSchema, MAX_BUNDLE_BYTES } from "./bundle.ts";
import { type ExaminedJoins, joinsOf } from "./check-joins.ts";
import { type ExaminedQueries, queriesOf } from "./check-queries.ts";
import { CHECKS_OF_JOINS, CHECKS_OF_QUERIES, EVIDENCE_CHECKS, notApplicable, otherLedger } from "./checks.ts";
import { type CheckOf, type Evidence, evidenceOf, type RecordEvidence } from "./evidence.ts";
import { formProblems } from "./form.ts";
import { JOIN_EVIDENCE_FORMAT, type JoinEvidence, JoinEvidence as JoinEvidenceSchema } from "./join-bundle.ts";
import { valueAt } from "./policy-term.ts";
import { collectFindings, type Problem } from "./problems.ts";
import { QUERY_EVIDENCE_FORMAT, type QueryEvidence, QueryEvidence as QueryEvidenceSchema } from "./query-bundle.ts";
import {
  CHECKS,
  type Check,
  type CheckId,
  JOIN_CHECKS,
  QUERY_CHECKS,
  type Report,
  UNVERIFIABLE,
  UNVERIFIABLE_JOINS,
  verdictOf,
} from "./report.ts";
import { TrustFile } from "./trust.ts";
import { indexTrust, outdatedProblem, type TrustIndex } from "./trust-index.ts";

/** `bundle` and `trust` are parsed JSON from anyone. Never throws: whatever is wrong is in the report. */
export function verifyEvidence(bundle: unknown, trust: unknown): Report {
  return report(bundle, trust, notRun("bundle-encoding", "not-applicable", "not read from a file"));
}

/** As `verifyEvidence`, and also checks that the file is byte for byte the canonical text of its bundle. */
export function verifyEvidenceFile(bytes: Uint8Array, trust: unknown): Report {
  const read = readBundle(bytes);
  const bundle = "bundle" in read ? read.bundle : undefined;
  const encoding: Check =
    "problem" in read
      ? { id: "bundle-encoding", status: "failed", problems: [read.problem] }
      : { id: "bundle-encoding", status: "passed", subjects: bytes.length };
  return report(bundle, trust, encoding);
}

/** One kind of bundle: what it is by its form, and how it is examined. */
interface Kind<B, E extends RecordEvidence> {
  readonly schema: TSchema;
  readonly examine: (bundle: B, trust: TrustIndex) => E;
  /** In the order of the report; those on the form of the files come first. */
  readonly order: readonly CheckId[];
  readonly checks: Readonly<Partial<Record<CheckId, CheckOf<E>>>>;
  readonly notApplicable: (evidence: E) => ReadonlyMap<CheckId, string>;
  readonly facts: (body: E["body"]) => Partial<Report>;
}

const COMPUTATION: Kind<EvidenceBundle, Evidence> = {
  schema: EvidenceBundleSchema,
  examine: evidenceOf,
  order: CHECKS,
  checks: EVIDENCE_CHECKS,
  notApplicable,
  facts: ({ network, request, computation }) => ({ network, request, computation }),
};

const QUERIES: Kind<QueryEvidence, ExaminedQueries> = {
  schema: QueryEvidenceSchema,
  examine: queriesOf,
  order: QUERY_CHECKS,
  checks: CHECKS_OF_QUERIES,
  notApplicable: otherLedger,
  facts: ({ network, request }) => ({ network, request, unverifiable: UNVERIFIABLE }),
};

const JOINS: Kind<JoinEvidence, ExaminedJoins> = {
  schema: JoinEvidenceSchema,
  examine: joinsOf,
  order: JOIN_CHECKS,
  checks: CHECKS_OF_JOINS,
  notApplicable: otherLedger,
  facts: ({ network, request }) => ({ network, request, unverifiable: UNVERIFIABLE_JOINS }),
};

const formatOf = (bundle: unknown): unknown => valueAt(valueAt(bundle, "body"), "format");

function report(bundle: unknown, trust: unknown, encoding: Check): Report {
  if (formatOf(bundle) === QUERY_EVIDENCE_FORMAT) return reportOn(QUERIES, bundle, trust, encoding);
  if (formatOf(bundle) === JOIN_EVIDENCE_FORMAT) return reportOn(JOINS, bundle, trust, encoding);
  return reportOn(COMPUTATION, bundle, trust, encoding);
}

function reportOn<B extends { readonly body: E["body"] }, E extends RecordEvidence>(
  kind: Kind<B, E>,
  bundle: unknown,
  trust: unknown,
  encoding: Check,
): Report {
  const trustCheck = checkTrust(trust);
  const form = run("bundle-format", () => examinedForm(kind.schema, bundle));
  const typed = form.status === "passed" ? (bundle as B) : undefined;
  const examined =
    typed === undefined || trustCheck.index === undefined ? undefined : kind.examine(typed, trustCheck.index);
  const outdated = examined === undefined ? undefined : outdatedIn(examined);
  // One cause is said once: nothing under the keys that are missing could be judged.
  const evidence = outdated === undefined ? examined : undefined;
  const trusted: Check =
    outdated === undefined ? trustCheck.check : { id: "trust-format", status: "failed", problems: [outdated] };
  const first: Check[] = [trusted, encoding, form];
  const checks = [...first, ...(evidence === undefined ? blocked(kind.order, first) : runAll(kind, evidence))];
  return {
    format: "sealane/audit-report/v1",
    verdict: verdictOf(checks),
    ...(typed === undefined
      ? {}
      : {
          ...kind.facts(typed.body),
          evidence: evidence?.digest() ?? digestOf(typed.body),
          ...codeOf(evidence),
        }),
    checks,
  };
}

function codeOf(evidence: RecordEvidence | undefined): Pick<Report, "code"> {
  const codes = evidence?.fabric()?.evidence.codes() ?? [];
  return codes.length === 0 ? {} : { code: codes };
}

const outdatedIn = ({ trust, records, body }: RecordEvidence): Problem | undefined =>
  outdatedProblem(
    trust,
    records.map(({ record: { position, transaction } }) => ({ position, ...transaction })),
    body.checkpoints,
  );

function runAll<B, E extends RecordEvidence>(kind: Kind<B, E>, evidence: E): Check[] {
  const skipped = kind.notApplicable(evidence);
  return kind.order.flatMap((id) => {
    const check = kind.checks[id];
    if (check === undefined) return [];
    const why = skipped.get(id);
    if (why !== undefined) return [notRun(id, "not-applicable", why)];
    return [
      run(id, () => {
        const findings = collectFindings();
        check(evidence, findings);
        // A check that looked at nothing has shown nothing.
        if (findings.subjects() === 0 && findings.problems.length === 0) {
          findings.fail("/body", "count-mismatch", { checked: 0 });
        }
        return findings;
      }),
    ];
  });
}

const blocked = (order: readonly CheckId[], done: readonly Check[]): Check[] =>
  order
    .filter((id) => !done.some((check) => check.id === id))
    .map((id) => notRun(id, "blocked", "the trust file or the bundle is malformed"));

function checkTrust(trust: unknown): { readonly check: Check; readonly index?: TrustIndex } {
  const form = run("trust-format", () => examinedForm(TrustFile, trust));
  if (form.status !== "passed") return { check: form };
  let index: TrustIndex | undefined;
  const check = run("trust-format", () => {
    const findings = collectFindings();
    index = indexTrust(trust as TrustFile, findings);
    return findings;
  });
  return check.status === "passed" && index !== undefined ? { check, index } : { check };
}

type Examined = Pick<ReturnType<typeof collectFindings>, "problems" | "subjects">;

const examinedForm = (schema: TSchema, value: unknown): Examined => ({
  problems: formProblems(schema, value),
  subjects: () => 1,
});

/** A check that breaks has failed: an exception here is a fault of the verifier, never a pass. */
function run(id: CheckId, check: () => Examined): Check {
  let problems: readonly Problem[];
  let subjects = 0;
  try {
    const examined = check();
    problems = examined.problems;
    subjects = examined.subjects();
  } catch (error) {
    problems = [{ where: "", code: "verifier-error", values: { detail: String(error) } }];
  }
  const [first, ...rest] = problems;
  return first === undefined
    ? { id, status: "passed", subjects }
    : { id, status: "failed", problems: [first, ...rest] };
}

const notRun = (id: CheckId, because: "not-applicable" | "blocked", detail: string): Check => ({
  id,
  status: "not-run",
  because,
  detail,
});

/** The bundle in a file, and what is wrong with the file's form: it must be the one canonical text of its bundle. */
export function readBundle(
  bytes: Uint8Array,
): { readonly bundle: unknown } | { readonly bundle?: unknown; readonly problem: Problem } {
  if (bytes.length > MAX_BUNDLE_BYTES) {
    return { problem: { where: "", code: "too-large", values: { most: MAX_BUNDLE_BYTES, got: bytes.length } } };
  }
  let bundle: unknown;
  try {
    bundle = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    return { problem: { where: "", code: "not-json", values: { detail: String(error) } } };
  }
  const canonical = canonicalBytes(bundle);
  if (canonical !== undefined && Buffer.compare(canonical, bytes) === 0) return { bundle };
  return { bundle, problem: { where: "", code: "not-canonical", values: {} } };
}

function canonicalBytes(bundle: unknown): Uint8Array | undefined {
  try {
    return Buffer.from(encodeEvidence(bundle as EvidenceBundle));
  } catch {
    return undefined;
  }
}
