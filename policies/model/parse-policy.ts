/** From bytes of another party, or of a steward's file, to a policy: every problem is listed at once. */
import { Compile } from "typebox/compile";
import { DUTY_OPERANDS, FIELD_OPERANDS, type Operand, PROHIBITION_OPERANDS, USE_OPERANDS } from "./operands.ts";
import { Policy, policyDigest } from "./policy.ts";
import type { PolicyProblem } from "./problem.ts";
import type { PolicyTerms } from "./terms.ts";
import { termsOf } from "./terms-of.ts";

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
const compiled = new Map<object, { Check(value: unknown): boolean }>();
const matches = (schema: object, value: unknown): boolean => {
  let checker = compiled.get(schema);
  if (checker === undefined) {
    checker = Compile(schema);
    compiled.set(schema, checker);
  }
  return checker.Check(value);
};

const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
};

/** `input` is decoded JSON. Never throws. Problems name the field as a JSON pointer. */
export function parsePolicy(input: unknown): ParsedPolicy {
  let copy: unknown;
  try {
    const text = JSON.stringify(input);
    if (text === undefined) return refuse("", "policy-not-json", "wanted a JSON object");
    if (text.length > MAX_POLICY_BYTES) {
      return refuse("", "policy-too-large", `wanted at most ${MAX_POLICY_BYTES} characters, got ${text.length}`);
    }
    copy = JSON.parse(text);
  } catch {
    return refuse("", "policy-not-json", "wanted a JSON object");
  }
  const problems = shapeProblems(copy);
  if (problems.length > 0) return { ok: false, problems };
  const policy = copy as Policy;
  problems.push(...ruleProblems(policy), ...combinationProblems(policy));
  if (problems.length > 0) return { ok: false, problems: problems.slice(0, MAX_PROBLEMS) };
  const terms = termsOf(policy, policyDigest(policy));
  accepted.set(deepFreeze(policy), terms);
  return Object.freeze({ ok: true, policy, terms });
}

/** Terms of a policy that parsePolicy has returned; undefined for every other object. */
export const acceptedTerms = (policy: unknown): PolicyTerms | undefined =>
  typeof policy === "object" && policy !== null ? accepted.get(policy) : undefined;

const refuse = (field: string, code: PolicyProblem["code"], detail: string): ParsedPolicy => ({
  ok: false,
  problems: [{ field, code, detail }],
});

function shapeProblems(value: unknown): PolicyProblem[] {
  if (shape.Check(value)) return [];
  const seen = new Map<string, PolicyProblem>();
  for (const error of shape.Errors(value)) {
    // The name of the extra property is in the error about the property itself.
    if (error.keyword === "additionalProperties" || error.keyword === "anyOf") continue;
    const field = error.instancePath;
    const missing = error.keyword === "required";
    const code = error.keyword === "boolean" ? "term-unknown" : missing ? "term-missing" : "term-malformed";
    const names = missing
      ? ` ${JSON.stringify((error.params as { requiredProperties?: unknown }).requiredProperties)}`
      : "";
    seen.set(`${field} ${code}`, { field, code, detail: `${error.message}${names}` });
  }
  const problems = [...seen.values()].slice(0, MAX_PROBLEMS);
  return problems.length > 0 ? problems : [{ field: "", code: "term-malformed", detail: "wanted a policy" }];
}

type Constraints = readonly { leftOperand: string; operator: string; rightOperand: unknown }[] | undefined;

function ruleProblems(policy: Policy): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  policy.permission.forEach((permission, index) => {
    const at = `/permission/${index}`;
    const operands =
      permission.action === "use" ? USE_OPERANDS : lookup<OperandTable>(FIELD_OPERANDS, permission.action);
    problems.push(...oneRule(at, permission.action, operands, permission.constraint));
    if (permission.duty === undefined) return;
    if (permission.action !== "use") {
      problems.push({ field: `${at}/duty`, code: "term-misplaced", detail: "duties belong to the permission to use" });
    }
    permission.duty.forEach((duty, position) => {
      const table = lookup<OperandTable>(DUTY_OPERANDS, duty.action);
      problems.push(...oneRule(`${at}/duty/${position}`, duty.action, table, duty.constraint));
    });
    problems.push(
      ...repeated(
        `${at}/duty`,
        permission.duty.map((duty) => duty.action),
      ),
    );
  });
  (policy.prohibition ?? []).forEach((prohibition, index) => {
    const at = `/prohibition/${index}`;
    const operands = lookup<OperandTable>(PROHIBITION_OPERANDS, prohibition.action);
    problems.push(...oneRule(at, prohibition.action, operands, prohibition.constraint));
    if (prohibition.action === "use" && prohibition.constraint === undefined) {
      problems.push({ field: at, code: "term-missing", detail: "a prohibition to use names what it forbids" });
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
    return [{ field: `${at}/action`, code: "action-unknown", detail: `no such action here: ${show(action)}` }];
  }
  const problems: PolicyProblem[] = [];
  const present = (constraints ?? []).map(({ leftOperand, operator }) => `${leftOperand} ${operator}`);
  (constraints ?? []).forEach(({ leftOperand, operator, rightOperand }, index) => {
    const field = `${at}/constraint/${index}`;
    const operand = lookup(operands, leftOperand);
    if (operand === undefined) {
      const known = Object.keys(operands).join(", ") || "none";
      problems.push({
        field: `${field}/leftOperand`,
        code: "operand-unknown",
        detail: `no such term under ${show(action)}: ${show(leftOperand)}; known: ${known}`,
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
      });
    } else if (!matches(schema, rightOperand)) {
      problems.push({
        field: `${field}/rightOperand`,
        code: "value-invalid",
        detail: `${leftOperand} wants ${show(schema)}, got ${show(rightOperand)}`,
      });
    }
  });
  for (const [leftOperand, operand] of Object.entries(operands)) {
    for (const operator of operand.required ?? []) {
      if (present.includes(`${leftOperand} ${operator}`)) continue;
      problems.push({ field: at, code: "term-missing", detail: `wanted a constraint ${leftOperand} ${operator}` });
    }
  }
  return [...problems, ...repeated(`${at}/constraint`, present)];
}

function repeated(field: string, names: readonly string[]): PolicyProblem[] {
  const twice = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  return [...twice].map((name) => ({ field, code: "term-repeated", detail: `only once: ${show(name)}` }));
}

/** Terms that are right one by one and wrong together. */
function combinationProblems(policy: Policy): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const add = (field: string, code: PolicyProblem["code"], detail: string) => problems.push({ field, code, detail });
  const uses = policy.permission.filter((permission) => permission.action === "use");
  if (uses.length !== 1) {
    add("/permission", "use-permission-count", `wanted one permission with action "use", got ${uses.length}`);
    return problems;
  }
  const value = (leftOperand: string, operator = "isAnyOf"): unknown =>
    uses[0]?.constraint?.find((c) => c.leftOperand === leftOperand && c.operator === operator)?.rightOperand;
  const strings = (leftOperand: string): readonly unknown[] => {
    const found = value(leftOperand);
    return Array.isArray(found) ? found : [];
  };
  if (policy.target.split(":")[0] !== policy.assigner) {
    add("/target", "target-not-own", `wanted an asset of ${show(policy.assigner)}, got ${show(policy.target)}`);
  }
  const reviewed = strings("sealane:receiverMode").includes("reviewed");
  const authorities = strings("sealane:releaseAuthority");
  if (reviewed && authorities.length === 0) {
    add("/permission", "release-authority-missing", "receiver mode reviewed wants sealane:releaseAuthority");
  }
  if (!reviewed && authorities.length > 0) {
    add("/permission", "release-authority-unused", "sealane:releaseAuthority wants receiver mode reviewed");
  }
  for (const trusted of strings("sealane:exactMomentsTrusted")) {
    if (authorities.includes(trusted)) continue;
    add("/permission", "trusted-not-authority", `${show(trusted)} is trusted with moments but is no release authority`);
  }
  const from = value("dateTime", "gteq");
  const until = value("dateTime", "lteq");
  if (typeof from === "string" && typeof until === "string" && !(Date.parse(from) <= Date.parse(until))) {
    add("/permission", "validity-empty", `ends ${show(until)} before it begins ${show(from)}`);
  }
  for (const instant of [from, until]) {
    if (typeof instant === "string" && Number.isNaN(Date.parse(instant))) {
      add("/permission", "value-invalid", `dateTime: no such instant ${show(instant)}`);
    }
  }
  problems.push(...fieldProblems(policy));
  return problems;
}

function fieldProblems(policy: Policy): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const filtered: string[] = [];
  const counted: string[] = [];
  policy.permission.forEach((permission, index) => {
    const field = `/permission/${index}`;
    const right = (leftOperand: string): readonly unknown[] | undefined => {
      const found = permission.constraint?.find((c) => c.leftOperand === leftOperand)?.rightOperand;
      return Array.isArray(found) ? found : undefined;
    };
    if (permission.action === "sealane:countUnits") counted.push(permission.action);
    if (permission.action === "sealane:groupBy" && permission.constraint === undefined) {
      problems.push({ field, code: "term-missing", detail: "wanted sealane:element or sealane:attribute" });
    }
    if (permission.action !== "sealane:filter") return;
    filtered.push(...(right("sealane:element") ?? []).map(String));
    const partition = right("sealane:partition");
    const predicates = right("sealane:predicate") ?? [];
    if (partition !== undefined && right("sealane:value") !== undefined) {
      problems.push({ field, code: "filter-ambiguous", detail: "wanted sealane:value or sealane:partition, not both" });
    }
    if (partition !== undefined && [...predicates].sort().join() !== "gteq,lteq") {
      problems.push({ field, code: "filter-ambiguous", detail: "a partition wants the predicates gteq and lteq" });
    }
  });
  return [...problems, ...repeated("/permission", filtered), ...repeated("/permission", counted)];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const part of Object.values(value)) deepFreeze(part);
    Object.freeze(value);
  }
  return value;
}
