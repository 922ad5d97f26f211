/** From bytes of another party, or of a steward's file, to a policy: every problem is listed at once. */
import { Compile } from "typebox/compile";
import { DUTY_OPERANDS, FIELD_OPERANDS, type Operand, PROHIBITION_OPERANDS, USE_OPERANDS } from "./operands.ts";
import { type Permission, Policy, policyDigest } from "./policy.ts";
import type { PolicyProblem, ProblemParameters } from "./problem.ts";
import { type Readable, readParts } from "./readable-parts.ts";
import type { PolicyTerms } from "./terms.ts";
import { termsOf } from "./terms-of.ts";
import { misfitOf } from "./wanted.ts";

/** The policy is deep-frozen: what was checked is what is evaluated. */
export type ParsedPolicy =
  | { readonly ok: true; readonly policy: Policy; readonly terms: PolicyTerms }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

export const MAX_POLICY_BYTES = 262_144;
const MAX_PROBLEMS = 200;

const shape = Compile(Policy);
// Accepted policies are frozen, so they need no second look.
const accepted = new WeakMap<object, PolicyTerms>();
type OperandTable = Readonly<Record<string, Operand>>;

const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
};

// Everyone in a computation judges the same few policies, request after request.
const KNOWN_LENGTH = 4 * 1024 * 1024;
const known = new Map<string, ParsedPolicy>();
let knownLength = 0;

/** `input` is decoded JSON. Never throws. Problems name the field as a JSON pointer. */
export function parsePolicy(input: unknown): ParsedPolicy {
  let copy: unknown;
  let text: string | undefined;
  try {
    text = JSON.stringify(input);
    if (text === undefined) return refuse("", "policy-not-json", "wanted a JSON object", {});
    if (text.length > MAX_POLICY_BYTES) {
      const detail = `wanted at most ${MAX_POLICY_BYTES} characters, got ${text.length}`;
      return refuse("", "policy-too-large", detail, { limit: MAX_POLICY_BYTES, got: text.length });
    }
    const parsed = known.get(text);
    if (parsed !== undefined) return parsed;
    copy = JSON.parse(text);
  } catch {
    return refuse("", "policy-not-json", "wanted a JSON object", {});
  }
  const read = readParts(Policy, shape, copy);
  const found = [...ruleProblems(read.readable), ...combinationProblems(read.readable)];
  const all = read.with(found.map((problem) => ({ ...problem, field: problem.field.slice(1).replaceAll("/", ".") })));
  const problems = all.map((problem) => ({ ...problem, field: pointer(problem.field) }) as PolicyProblem);
  if (problems.length > 0) return { ok: false, problems: problems.slice(0, MAX_PROBLEMS) };
  const policy = copy as Policy;
  const terms = termsOf(policy, policyDigest(policy));
  accepted.set(deepFreeze(policy), terms);
  return remembered(text, Object.freeze({ ok: true, policy, terms }));
}

function remembered(text: string, parsed: ParsedPolicy): ParsedPolicy {
  if (knownLength + text.length > KNOWN_LENGTH) {
    known.clear();
    knownLength = 0;
  }
  known.set(text, parsed);
  knownLength += text.length;
  return parsed;
}

/** Terms of a policy that parsePolicy has returned; undefined for every other object. */
export const acceptedTerms = (policy: unknown): PolicyTerms | undefined =>
  typeof policy === "object" && policy !== null ? accepted.get(policy) : undefined;

const refuse = (
  field: string,
  code: PolicyProblem["code"],
  detail: string,
  parameters: ProblemParameters,
): ParsedPolicy => ({ ok: false, problems: [{ field, code, detail, parameters }] });

const pointer = (field: string): string => (field === "" ? "" : `/${field.replaceAll(".", "/")}`);

type Given = Readable<Policy>;
type Constraints = Readable<Permission>["constraint"];

function ruleProblems(policy: Given): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  (policy.permission ?? []).forEach((permission, index) => {
    if (permission?.action === undefined) return;
    const at = `/permission/${index}`;
    const operands =
      permission.action === "use" ? USE_OPERANDS : lookup<OperandTable>(FIELD_OPERANDS, permission.action);
    problems.push(...oneRule(at, permission.action, operands, permission.constraint));
    if (permission.duty === undefined) return;
    if (permission.action !== "use") {
      const detail = "duties belong to the permission to use";
      problems.push({ field: `${at}/duty`, code: "term-misplaced", detail, parameters: {} });
    }
    permission.duty.forEach((duty, position) => {
      if (duty?.action === undefined) return;
      const table = lookup<OperandTable>(DUTY_OPERANDS, duty.action);
      problems.push(...oneRule(`${at}/duty/${position}`, duty.action, table, duty.constraint));
    });
    problems.push(
      ...repeated(
        `${at}/duty`,
        permission.duty.flatMap((duty) => duty?.action ?? []),
      ),
    );
  });
  (policy.prohibition ?? []).forEach((prohibition, index) => {
    if (prohibition?.action === undefined) return;
    const at = `/prohibition/${index}`;
    const operands = lookup<OperandTable>(PROHIBITION_OPERANDS, prohibition.action);
    problems.push(...oneRule(at, prohibition.action, operands, prohibition.constraint));
    if (prohibition.action === "use" && prohibition.constraint === undefined) {
      const detail = "a prohibition to use names what it forbids";
      problems.push({ field: at, code: "term-missing", detail, parameters: { term: "constraint" } });
    }
  });
  return problems;
}

const lookup = <T>(tables: Readonly<Record<string, T>>, action: string): T | undefined =>
  Object.hasOwn(tables, action) ? tables[action] : undefined;

function oneRule(
  at: string,
  action: string,
  operands: OperandTable | undefined,
  constraints: Constraints,
): PolicyProblem[] {
  if (operands === undefined) {
    const detail = `no such action here: ${show(action)}`;
    return [{ field: `${at}/action`, code: "action-unknown", detail, parameters: { got: show(action) } }];
  }
  const problems: PolicyProblem[] = [];
  const present = (constraints ?? []).map((one) => `${one?.leftOperand} ${one?.operator}`);
  (constraints ?? []).forEach((one, index) => {
    const { leftOperand, operator, rightOperand } = one ?? {};
    if (leftOperand === undefined || operator === undefined) return;
    const field = `${at}/constraint/${index}`;
    const operand = lookup(operands, leftOperand);
    if (operand === undefined) {
      const known = Object.keys(operands).join(", ") || "none";
      problems.push({
        field: `${field}/leftOperand`,
        code: "operand-unknown",
        detail: `no such term under ${show(action)}: ${show(leftOperand)}; known: ${known}`,
        parameters: { got: show(leftOperand), action: show(action), known },
      });
      return;
    }
    const schema = lookup(operand.operators, operator);
    if (schema === undefined) {
      const known = Object.keys(operand.operators).join(", ");
      problems.push({
        field: `${field}/operator`,
        code: "operator-unknown",
        detail: `${leftOperand} takes ${known}, got ${show(operator)}`,
        parameters: { term: leftOperand, known, got: show(operator) },
      });
      return;
    }
    const misfit = misfitOf(schema, rightOperand);
    if (misfit === undefined) return;
    const { path, wanted, got } = misfit;
    problems.push({
      field: [`${field}/rightOperand`, ...path].join("/"),
      code: "value-invalid",
      detail: `${leftOperand} wants ${wanted}, got ${show(got)}`,
      parameters: { term: leftOperand, wanted, got: show(got) },
    });
  });
  for (const [leftOperand, operand] of Object.entries(operands)) {
    for (const operator of operand.required ?? []) {
      if (present.includes(`${leftOperand} ${operator}`)) continue;
      const term = `${leftOperand} ${operator}`;
      problems.push({ field: at, code: "term-missing", detail: `wanted a constraint ${term}`, parameters: { term } });
    }
  }
  return [...problems, ...repeated(`${at}/constraint`, present)];
}

function repeated(field: string, names: readonly string[]): PolicyProblem[] {
  const twice = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  return [...twice].map((name) => {
    const term = show(name);
    return { field, code: "term-repeated", detail: `only once: ${term}`, parameters: { term } };
  });
}

/** Terms that are right one by one and wrong together. */
function combinationProblems(policy: Given): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const add = (field: string, code: PolicyProblem["code"], detail: string, parameters: ProblemParameters) =>
    problems.push({ field, code, detail, parameters });
  const permissions = policy.permission ?? [];
  const uses = permissions.filter((permission) => permission?.action === "use");
  // A permission without a readable action may be the one that is meant.
  if (!permissions.every((permission) => permission?.action !== undefined)) return problems;
  if (uses.length !== 1) {
    add("/permission", "use-permission-count", `wanted one permission with action "use", got ${uses.length}`, {
      got: uses.length,
    });
    return problems;
  }
  const value = (leftOperand: string, operator = "isAnyOf"): unknown =>
    uses[0]?.constraint?.find((c) => c?.leftOperand === leftOperand && c.operator === operator)?.rightOperand;
  const strings = (leftOperand: string): readonly unknown[] => {
    const found = value(leftOperand);
    return Array.isArray(found) ? found : [];
  };
  if (policy.target !== undefined && policy.assigner !== undefined && policy.target.split(":")[0] !== policy.assigner) {
    add("/target", "target-not-own", `wanted an asset of ${show(policy.assigner)}, got ${show(policy.target)}`, {
      assigner: show(policy.assigner),
      got: show(policy.target),
    });
  }
  const reviewed = strings("sealane:receiverMode").includes("reviewed");
  const authorities = strings("sealane:releaseAuthority");
  if (reviewed && authorities.length === 0) {
    add("/permission", "release-authority-missing", "receiver mode reviewed wants sealane:releaseAuthority", {});
  }
  if (!reviewed && authorities.length > 0) {
    add("/permission", "release-authority-unused", "sealane:releaseAuthority wants receiver mode reviewed", {});
  }
  for (const trusted of strings("sealane:exactMomentsTrusted")) {
    if (authorities.includes(trusted)) continue;
    const detail = `${show(trusted)} is trusted with moments but is no release authority`;
    add("/permission", "trusted-not-authority", detail, { member: show(trusted) });
  }
  const isAboutLargest = ["sealane:dominance", "sealane:pq"].some((term) => value(term) !== undefined);
  if (isAboutLargest || value("sealane:pPercent", "gteq") !== undefined) {
    // Whoever asks would see the sums of squares, and withhold from itself.
    if (strings("sealane:receiverMode").includes("direct")) {
      const detail = "rules about the largest contributors want receiver mode reviewed alone";
      add("/permission", "largest-needs-review", detail, {});
    }
  }
  const isRounded = value("sealane:rounding") !== undefined;
  if (isRounded && strings("sealane:receiverMode").includes("direct")) {
    // Whoever asks would see the sums before they are rounded.
    add("/permission", "rounding-needs-authority", "rounding wants receiver mode reviewed alone", {});
  }
  const isReviewed = value("sealane:reviewers", "gteq") !== undefined;
  if (isReviewed && strings("sealane:receiverMode").includes("direct")) {
    // Whoever asks would let its own result out.
    add("/permission", "review-needs-authority", "a review of results wants receiver mode reviewed alone", {});
  }
  const isNoised = value("sealane:privacy", "eq") !== undefined;
  if (isNoised && (isAboutLargest || value("sealane:pPercent", "gteq") !== undefined)) {
    // They are judged by exact sums of squares.
    add("/permission", "privacy-excludes-largest", "rules about the largest contributors want exact sums", {});
  }
  if (isNoised && isRounded) {
    add("/permission", "privacy-excludes-rounding", "figures with noise are published with its standard error", {});
  }
  const { clips } = (value("sealane:privacy", "eq") ?? {}) as { readonly clips?: unknown };
  for (const one of Array.isArray(clips) ? clips : []) {
    const { element, minimum, maximum } = (one ?? {}) as Readonly<Record<string, unknown>>;
    if (!(Number(minimum) > Number(maximum))) continue;
    const parameters = { element: show(element), minimum: show(minimum), maximum: show(maximum) };
    add("/permission", "privacy-clip-inverted", `clip of ${show(element)}: minimum above maximum`, parameters);
  }
  const from = value("dateTime", "gteq");
  const until = value("dateTime", "lteq");
  if (typeof from === "string" && typeof until === "string" && !(Date.parse(from) <= Date.parse(until))) {
    add("/permission", "validity-empty", `ends ${show(until)} before it begins ${show(from)}`, {
      from,
      until,
    });
  }
  for (const instant of [from, until]) {
    if (typeof instant === "string" && Number.isNaN(Date.parse(instant))) {
      const parameters = { term: "dateTime", wanted: "2026-12-31T16:00:00Z", got: show(instant) };
      add("/permission", "value-invalid", `dateTime: no such instant ${show(instant)}`, parameters);
    }
  }
  problems.push(...fieldProblems(permissions));
  return problems;
}

function fieldProblems(permissions: NonNullable<Given["permission"]>): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const filtered: string[] = [];
  /** Actions that one permission says everything about. */
  const single: string[] = [];
  // Two cuts of one number would overlap, and their differences single out what lies between the edges.
  const classed: string[] = [];
  const masked: string[] = [];
  permissions.forEach((permission, index) => {
    const field = `/permission/${index}`;
    const right = (leftOperand: string): readonly unknown[] | undefined => {
      const found = permission?.constraint?.find((c) => c?.leftOperand === leftOperand)?.rightOperand;
      return Array.isArray(found) ? found : undefined;
    };
    if (permission?.action === "sealane:countUnits" || permission?.action === "sealane:release") {
      single.push(permission.action);
    }
    if (permission?.action === "sealane:release") {
      for (const one of right("sealane:mask") ?? []) {
        const element = String((one as { readonly element?: unknown } | null)?.element);
        masked.push(element);
        if (right("sealane:element")?.includes(element) === true) continue;
        const detail = `sealane:mask names ${show(element)}, which sealane:element does not release`;
        problems.push({ field, code: "mask-unlisted", detail, parameters: { element: show(element) } });
      }
    }
    if (permission?.action === "sealane:groupBy" && permission.constraint === undefined) {
      const parameters = { term: "sealane:element | sealane:attribute" };
      problems.push({ field, code: "term-missing", detail: "wanted sealane:element or sealane:attribute", parameters });
    }
    if (permission?.action === "sealane:groupBy" && right("sealane:edges") !== undefined) {
      const elements = right("sealane:element") ?? [];
      classed.push(...elements.map(String));
      if (elements.length === 0) {
        const detail = "sealane:edges wants the sealane:element it cuts";
        problems.push({ field, code: "term-missing", detail, parameters: { term: "sealane:element" } });
      }
    }
    if (permission?.action !== "sealane:filter") return;
    filtered.push(...(right("sealane:element") ?? []).map(String));
    const partition = right("sealane:partition");
    const predicates = right("sealane:predicate") ?? [];
    if (partition !== undefined && right("sealane:value") !== undefined) {
      const detail = "wanted sealane:value or sealane:partition, not both";
      problems.push({ field, code: "filter-ambiguous", detail, parameters: {} });
    }
    if (partition !== undefined && [...predicates].sort().join() !== "gteq,lteq") {
      const detail = "a partition wants the predicates gteq and lteq";
      problems.push({ field, code: "partition-predicates", detail, parameters: {} });
    }
  });
  return [
    ...problems,
    ...repeated("/permission", filtered),
    ...repeated("/permission", single),
    ...repeated("/permission", classed),
    ...repeated("/permission", masked),
  ];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const part of Object.values(value)) deepFreeze(part);
    Object.freeze(value);
  }
  return value;
}
