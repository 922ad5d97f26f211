/**
 * The policy engine: every rule is evaluated, the strictest verdict wins, no policy means no access, an unknown term
 * is denied. Total: hostile input leads to a refusal, never to an exception and never to a permit.
 */
import { Compile } from "typebox/compile";
import { Asset } from "../model/asset.ts";
import { DecisionContext } from "../model/context.ts";
import { derivedGrade } from "../model/grade.ts";
import { acceptedTerms, parsePolicy } from "../model/parse-policy.ts";
import type { Policy } from "../model/policy.ts";
import type { Reason } from "../model/reasons.ts";
import { DataRequest } from "../model/request.ts";
import { touchedFields } from "../model/statistic.ts";
import type { PolicyTerms } from "../model/terms.ts";
import type { Case, Compared, Decision, Finding, Verdict } from "../model/verdict.ts";
import { requirementsOf } from "../rules/minima.ts";
import { decisionOf, findingsOf } from "./judge.ts";
import { JOIN_RULES, QUERY_RULES, RULES } from "./rule-list.ts";

const requestSchema = Compile(DataRequest);
const assetSchema = Compile(Asset);
const contextSchema = Compile(DecisionContext);

const MAX_SCHEMA_ERRORS = 16;

/**
 * `policy` is a policy document (one that parsePolicy returned is not parsed again); undefined: there is none. Every argument is checked as if a stranger had sent
 * it: what is not a policy, DataRequest, Asset and DecisionContext is refused with the reason.
 */
export function decide(policy: Policy | undefined, request: unknown, asset: unknown, context: unknown): Decision {
  try {
    return judge(policy, request, asset, context);
  } catch (error) {
    return refused(undefined, "engine-failed", { error: error instanceof Error ? error.name : "unknown" });
  }
}

function judge(policy: unknown, request: unknown, asset: unknown, context: unknown): Decision {
  if (policy === undefined || policy === null) return refused(undefined, "policy-missing", { policy: null });
  const terms = termsFor(policy);
  if (!("digest" in terms)) return refused(undefined, "policy-invalid", { problems: terms.problems });
  if (!requestSchema.Check(request)) return refused(terms, "request-invalid", schemaErrors(requestSchema, request));
  if (!assetSchema.Check(asset)) return refused(terms, "asset-invalid", schemaErrors(assetSchema, asset));
  if (!contextSchema.Check(context)) return refused(terms, "context-invalid", schemaErrors(contextSchema, context));
  const read = touchedFields(request, asset);
  const personal = read.filter((field) => field.personal === true).map(({ element }) => element);
  const touched = { grade: derivedGrade(asset, read), personal };
  const input: Case = { terms, request, asset, context, touched };
  const alone = request.encryptedQuery === undefined ? RULES : QUERY_RULES;
  const rules = request.join === undefined ? alone : JOIN_RULES;
  const verdicts = rules.flatMap(({ id, evaluate }) => findingsOf(() => evaluate(input)).map(withRule(id)));
  return conclude(terms, verdicts, requirementsOf(input));
}

function termsFor(policy: unknown): PolicyTerms | { readonly problems: readonly string[] } {
  const known = acceptedTerms(policy);
  if (known !== undefined) return known;
  const result = parsePolicy(policy);
  return result.ok ? result.terms : { problems: result.problems.map(({ code, field }) => `${code} ${field}`) };
}

const withRule =
  (rule: string) =>
  ({ verdict, reason, compared }: Finding): Verdict => ({ rule, verdict, reason, compared });

function conclude(
  terms: PolicyTerms | undefined,
  verdicts: readonly Verdict[],
  requirements: Decision["requirements"],
): Decision {
  // A person answers an appeal, whatever there is against it: the refusals stand in the verdicts, and count after its word.
  const hearing = verdicts.filter(({ reason }) => reason === "appeal-pending");
  const { outcome, reasons } = decisionOf(hearing.length > 0 ? hearing : verdicts);
  const policy = terms && { id: terms.id, version: terms.version, digest: terms.digest };
  return Object.freeze({ outcome, reasons, policy, verdicts, requirements });
}

const refused = (terms: PolicyTerms | undefined, reason: Reason, compared: Compared): Decision =>
  conclude(terms, [{ rule: "documents", verdict: "refuse", reason, compared }], []);

function schemaErrors(
  schema: { Errors(value: unknown): readonly { instancePath: string; message: string }[] },
  value: unknown,
): Compared {
  const problems = schema.Errors(value).slice(0, MAX_SCHEMA_ERRORS);
  return { problems: problems.map(({ instancePath, message }) => `${instancePath} ${message}`) };
}
