import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { DUTY_OPERANDS, FIELD_OPERANDS, type Operand, PROHIBITION_OPERANDS, USE_OPERANDS } from "./operands.ts";
import { parsePolicy } from "./parse-policy.ts";
import type { Constraint, Permission, Policy } from "./policy.ts";

const page = readFileSync(new URL("../../docs/policies.md", import.meta.url), "utf8");
const sections = new Map(page.split(/^## /m).map((part) => [part.slice(0, part.indexOf("\n")), part] as const));
const examples = (section: string): unknown[] =>
  [...(sections.get(section) ?? "").matchAll(/```json\n([\s\S]*?)```/g)].map(([, text]) => JSON.parse(text ?? ""));

const whole = examples("A whole policy")[0] as Policy;
const variant = (change: (policy: Policy) => void): Policy => {
  const policy = structuredClone(whole);
  change(policy);
  return policy;
};
const problemsOf = (policy: unknown) => {
  const parsed = parsePolicy(policy);
  return parsed.ok ? [] : parsed.problems;
};

test("the whole policy of docs/policies.md is accepted", () => {
  expect(problemsOf(whole)).toEqual([]);
});

describe("docs/policies.md: each example is accepted where the page says it belongs", () => {
  test.each(examples("General terms").map((example) => [JSON.stringify(example), example]))("%s", (_text, example) => {
    const term = example as Constraint;
    const policy = variant(({ permission: [use] }) => {
      const others = use?.constraint?.filter(
        (one) => one.leftOperand !== term.leftOperand || one.operator !== term.operator,
      );
      Object.assign(use as Permission, { constraint: [...(others ?? []), term] });
    });
    expect(problemsOf(policy)).toEqual([]);
  });
  test.each(examples("Roles of fields").map((example) => [JSON.stringify(example), example]))(
    "%s",
    (_text, example) => {
      expect(problemsOf(variant((policy) => policy.permission.push(example as Permission)))).toEqual([]);
    },
  );
  test.each(examples("Duties").map((example) => [JSON.stringify(example), example]))("%s", (_text, example) => {
    expect(
      problemsOf(variant(({ permission: [use] }) => Object.assign(use as Permission, { duty: [example] }))),
    ).toEqual([]);
  });
  test.each(examples("Prohibitions").map((example) => [JSON.stringify(example), example]))("%s", (_text, example) => {
    expect(problemsOf(variant((policy) => Object.assign(policy, { prohibition: [example] })))).toEqual([]);
  });
});

describe("docs/policies.md: every term has an example", () => {
  const tables: [string, Readonly<Record<string, Operand>>][] = [
    ["General terms", USE_OPERANDS],
    ...Object.values(FIELD_OPERANDS).map((operands): [string, Readonly<Record<string, Operand>>] => [
      "Roles of fields",
      operands,
    ]),
    ...Object.values(DUTY_OPERANDS).map((operands): [string, Readonly<Record<string, Operand>>] => [
      "Duties",
      operands,
    ]),
    ...Object.values(PROHIBITION_OPERANDS).map((operands): [string, Readonly<Record<string, Operand>>] => [
      "Prohibitions",
      operands,
    ]),
  ];
  test("constraints", () => {
    for (const [section, operands] of tables) {
      const text = JSON.stringify(examples(section));
      for (const [name, { operators }] of Object.entries(operands)) {
        for (const operator of Object.keys(operators)) {
          expect(text).toContain(`{"leftOperand":"${name}","operator":"${operator}"`);
        }
      }
    }
  });
  test("actions", () => {
    const actions = (section: string) => new Set((examples(section) as Permission[]).map(({ action }) => action));
    expect(actions("Roles of fields")).toEqual(new Set(Object.keys(FIELD_OPERANDS)));
    expect(actions("Duties")).toEqual(new Set(Object.keys(DUTY_OPERANDS)));
    expect(actions("Prohibitions")).toEqual(new Set(Object.keys(PROHIBITION_OPERANDS)));
  });
});
