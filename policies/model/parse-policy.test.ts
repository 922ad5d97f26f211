import fc from "fast-check";
import { Compile } from "typebox/compile";
import { describe, expect, test } from "vitest";
import { draft } from "../_fixture.ts";
import type { Mask } from "./mask.ts";
import { parsePolicy } from "./parse-policy.ts";
import { type Policy, policyDigest, policyJsonSchema } from "./policy.ts";
import { policyOf } from "./policy-of.ts";

const valid = (): Policy => policyOf(draft);
const use = (policy: Policy) => policy.permission[0]!;
const problemsOf = (input: unknown) => {
  const parsed = parsePolicy(input);
  return parsed.ok ? [] : parsed.problems;
};
const changed = (change: (policy: Policy) => unknown): Policy => {
  const policy = valid();
  change(policy);
  return policy;
};

describe("a policy", () => {
  test("is read into terms with every default filled in", () => {
    const parsed = parsePolicy(valid());
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    const { terms } = parsed;
    expect(terms.digest).toBe(policyDigest(valid()));
    expect(terms.version).toBe(3);
    expect(terms.elements.investment?.aggregate).toContain("variance");
    expect(terms.elements.investment?.groupBy).toBe(false);
    expect(terms.elements.year).toEqual({
      aggregate: [],
      groupBy: true,
      join: false,
      edges: [],
      filter: { predicates: ["eq", "isAnyOf"], values: undefined, partition: undefined },
    });
    expect(terms.attributes).toEqual(["sector"]);
    expect(terms.retentionDays).toBe(365);
    expect(terms.minimumUnits).toBeUndefined();
  });

  test("that is silent gets the careful choice", () => {
    const { counts, colluders, coordinatorMayBeSequencer, minimumOrganisations, territories, uses, ...rest } = draft;
    const parsed = parsePolicy(policyOf(rest));
    expect(parsed.ok && parsed.terms).toMatchObject({
      counts: "closed",
      colluders: 1,
      coordinatorMayBeSequencer: false,
      minimumOrganisations: 5,
      territories: ["CN"],
      recipients: [],
      uses: undefined,
    });
  });

  test.each([
    [undefined, undefined, 10],
    [undefined, 25, 25],
    [12, 25, 25],
    [12, 5, 12],
    [5, undefined, 5],
  ])(
    "with groups of joins of %s and cells of %s units joins nothing smaller than either: %s",
    (minimumGroup, minimumUnits, least) => {
      const joins = { operations: ["statistics" as const], ...(minimumGroup === undefined ? {} : { minimumGroup }) };
      const parsed = parsePolicy(
        policyOf({ ...draft, joins, ...(minimumUnits === undefined ? {} : { minimumUnits }) }),
      );
      expect(parsed.ok && parsed.terms.joins.minimumGroup).toBe(least);
    },
  );

  test("is frozen, and a copy", () => {
    const source = valid();
    const parsed = parsePolicy(source);
    if (!parsed.ok) throw new Error("refused");
    source.permission.length = 0;
    expect(parsed.policy.permission.length).toBeGreaterThan(0);
    expect(() => Object.assign(use(parsed.policy), { action: "distribute" })).toThrow(TypeError);
  });

  test("with equal content has an equal digest, whatever the order of keys", () => {
    const reversed = Object.fromEntries(Object.entries(valid()).reverse());
    expect(policyDigest(reversed as Policy)).toBe(policyDigest(valid()));
  });
});

describe("refused at creation", () => {
  const term = (policy: Policy, leftOperand: string, operator?: string) =>
    use(policy).constraint!.find((c) => c.leftOperand === leftOperand && c.operator === (operator ?? c.operator))!;
  const add = (policy: Policy, leftOperand: string, operator: string, rightOperand: unknown) =>
    use(policy).constraint!.push({ leftOperand, operator, rightOperand });
  const right = (policy: Policy, leftOperand: string, rightOperand: unknown, operator?: string) =>
    Object.assign(term(policy, leftOperand, operator), { rightOperand });
  const drop = (policy: Policy, leftOperand: string) =>
    Object.assign(use(policy), { constraint: use(policy).constraint!.filter((c) => c.leftOperand !== leftOperand) });
  const retention = [{ leftOperand: "sealane:retentionDays", operator: "lteq", rightOperand: "3" }];
  const partitioned = (policy: Policy) =>
    policy.permission.find((one) => one.constraint?.some((c) => c.leftOperand === "sealane:partition"))!;

  const classed = (policy: Policy) =>
    policy.permission.find((one) => one.constraint?.some((c) => c.leftOperand === "sealane:edges"))!;

  const cases: [name: string, code: string, change: (policy: Policy) => unknown][] = [
    ["an unknown term", "operand-unknown", (p) => add(p, "absolutePosition", "eq", "x")],
    ["a term that every object inherits", "operand-unknown", (p) => add(p, "constructor", "eq", "x")],
    ["an unknown operator", "operator-unknown", (p) => Object.assign(term(p, "purpose"), { operator: "isNoneOf" })],
    ["an unknown action", "action-unknown", (p) => Object.assign(p.permission[1]!, { action: "sell" })],
    [
      "an unknown function",
      "value-invalid",
      (p) => Object.assign(p.permission[1]!.constraint![1]!, { rightOperand: ["max"] }),
    ],
    ["a number that is not text", "value-invalid", (p) => right(p, "count", 3)],
    ["an unknown duty", "action-unknown", (p) => Object.assign(use(p), { duty: [{ action: "attribute" }] })],
    [
      "a duty at a field",
      "term-misplaced",
      (p) => Object.assign(p.permission[1]!, { duty: [{ action: "delete", constraint: retention }] }),
    ],
    ["an unknown prohibition", "action-unknown", (p) => Object.assign(p, { prohibition: [{ action: "print" }] })],
    ["a prohibition of everything", "term-missing", (p) => Object.assign(p, { prohibition: [{ action: "use" }] })],
    ["an unknown property", "unknown-key", (p) => Object.assign(p, { obligation: [] })],
    ["another profile", "wrong-choice", (p) => Object.assign(p, { profile: "urn:other" })],
    ["no purpose", "term-missing", (p) => drop(p, "purpose")],
    ["a term twice", "term-repeated", (p) => use(p).constraint!.push(term(p, "purpose"))],
    ["no permission to use", "use-permission-count", (p) => p.permission.splice(0, 1)],
    ["two permissions to use", "use-permission-count", (p) => p.permission.push(use(p))],
    ["another provider's asset", "target-not-own", (p) => Object.assign(p, { target: "ge:panel" })],
    ["an end before the beginning", "validity-empty", (p) => right(p, "dateTime", "2020-01-01T00:00:00Z", "lteq")],
    ["an instant that does not exist", "value-invalid", (p) => right(p, "dateTime", "2027-13-01T00:00:00Z", "lteq")],
    ["a filter on one element twice", "term-repeated", (p) => p.permission.push(structuredClone(partitioned(p)))],
    ["a number cut twice", "term-repeated", (p) => p.permission.push(structuredClone(classed(p)))],
    ["edges of no element", "term-missing", (p) => void classed(p).constraint!.shift()],
    [
      "values and partition together",
      "filter-ambiguous",
      (p) =>
        partitioned(p).constraint!.push({ leftOperand: "sealane:value", operator: "isAnyOf", rightOperand: ["1"] }),
    ],
    ["fewer than three organisations", "value-invalid", (p) => right(p, "sealane:minimumOrganisations", "2")],
    ["review without an authority", "release-authority-missing", (p) => drop(p, "sealane:releaseAuthority")],
    ["an authority without review", "release-authority-unused", (p) => right(p, "sealane:receiverMode", ["direct"])],
    [
      "rules about the largest contributors in direct mode",
      "largest-needs-review",
      (p) => {
        right(p, "sealane:receiverMode", ["direct", "reviewed"]);
        add(p, "sealane:pPercent", "gteq", "10");
      },
    ],
    [
      "rounding in direct mode",
      "rounding-needs-authority",
      (p) => {
        right(p, "sealane:receiverMode", ["direct", "reviewed"]);
        add(p, "sealane:rounding", "isAnyOf", [{ base: "5" }]);
      },
    ],
    [
      "rounding beside noise",
      "privacy-excludes-rounding",
      (p) => {
        add(p, "sealane:rounding", "isAnyOf", [{ base: "5" }]);
        add(p, "sealane:privacy", "eq", { epsilon: "1", budget: "5" });
      },
    ],
    [
      "bounds of a contribution that exclude everything",
      "privacy-clip-inverted",
      (p) => {
        const clips = [{ element: "staff", minimum: "60", maximum: "50" }];
        add(p, "sealane:privacy", "eq", { epsilon: "1", budget: "5", clips });
      },
    ],
    ["a base of nothing", "value-invalid", (p) => add(p, "sealane:rounding", "isAnyOf", [{ base: "0" }])],
    ["a base below zero", "value-invalid", (p) => add(p, "sealane:rounding", "isAnyOf", [{ base: "-5" }])],
    ["a share beyond the whole", "value-invalid", (p) => add(p, "sealane:pPercent", "gteq", "100.5")],
    ["no share", "value-invalid", (p) => add(p, "sealane:dominance", "isAnyOf", [{ largest: "1", percent: "0" }])],
    [
      "the largest none",
      "value-invalid",
      (p) => add(p, "sealane:dominance", "isAnyOf", [{ largest: "0", percent: "60" }]),
    ],
    ["trust in a stranger", "trusted-not-authority", (p) => add(p, "sealane:exactMomentsTrusted", "isAnyOf", ["x"])],
  ];
  test.each(cases)("%s", (_name, code, change) => {
    expect(problemsOf(changed(change)).map((problem) => problem.code)).toContain(code);
  });

  test("every problem at once, each with its place", () => {
    const policy = changed((p) => {
      use(p).constraint!.push({ leftOperand: "deviceType", operator: "eq", rightOperand: "x" });
      use(p).constraint![0]!.operator = "eq";
      p.permission[1]!.action = "sell";
    });
    const problems = problemsOf(policy);
    expect(problems.map((problem) => problem.field)).toEqual(
      expect.arrayContaining([
        "/permission/0/constraint/0/operator",
        `/permission/0/constraint/${use(policy).constraint!.length - 1}/leftOperand`,
        "/permission/1/action",
      ]),
    );
    expect(problems.every(({ parameters }) => parameters !== undefined)).toBe(true);
  });

  test("a malformed part hides nothing of what is wrong with the others", () => {
    const policy = changed((p) => {
      Object.assign(p, { "sealane:version": "one", target: "ge:panel" });
      Object.assign(use(p).constraint![0]!, { operator: 7 });
      use(p).constraint!.push({ leftOperand: "deviceType", operator: "eq", rightOperand: "x" });
      p.permission[1]!.action = "sell";
    });
    const problems = problemsOf(policy).map(({ field, code }) => `${field} ${code}`);
    expect(problems).toEqual(
      expect.arrayContaining([
        "/sealane:version wrong-type",
        "/permission/0/constraint/0/operator wrong-type",
        `/permission/0/constraint/${use(policy).constraint!.length - 1}/leftOperand operand-unknown`,
        "/permission/1/action action-unknown",
        "/target target-not-own",
      ]),
    );
  });

  test.each([null, undefined, 1, "x", [], {}, { permission: [] }])("%j is no policy", (input) => {
    expect(problemsOf(input).length).toBeGreaterThan(0);
  });

  test("more than a quarter of a megabyte", () => {
    expect(problemsOf({ ...valid(), "@id": "x".repeat(300_000) })[0]?.code).toBe("policy-too-large");
  });

  test("what refers to itself", () => {
    const loop: Record<string, unknown> = { ...valid() };
    loop.self = loop;
    expect(problemsOf(loop)[0]?.code).toBe("policy-not-json");
  });
});

describe("the exported JSON Schema", () => {
  const schema = Compile(policyJsonSchema);
  test("accepts what parsePolicy accepts", () => {
    expect(schema.Check(valid())).toBe(true);
    expect(JSON.parse(JSON.stringify(policyJsonSchema)).properties.permission.items.anyOf.length).toBe(8);
  });
  test("refuses unknown terms, operators and values", () => {
    for (const [leftOperand, operator, rightOperand] of [
      ["deviceType", "eq", "x"],
      ["purpose", "eq", "x"],
      ["purpose", "isAnyOf", [1]],
    ]) {
      const policy = changed((p) =>
        use(p).constraint!.push({ leftOperand: leftOperand as string, operator: operator as string, rightOperand }),
      );
      expect(schema.Check(policy)).toBe(false);
    }
  });
});

test("parsePolicy never throws, and accepts nothing that its schema refuses", () => {
  const schema = Compile(policyJsonSchema);
  const paths = ["@type", "@id", "profile", "sealane:version", "target", "assigner", "permission", "prohibition"];
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
      const policy = { ...valid(), [path]: value };
      if (parsePolicy(policy).ok) expect(schema.Check(policy)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

describe("masks of released elements", () => {
  const released = (masks: readonly unknown[]) =>
    policyOf({
      ...draft,
      release: { elements: ["year", "capital"], formats: ["HttpData-PULL"], masks: masks as readonly Mask[] },
    });
  test("are read by element", () => {
    const masks = [
      { element: "year", mask: "prefix", length: "3" },
      { element: "capital", mask: "round", step: "0.5" },
    ];
    const parsed = parsePolicy(released(masks));
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    expect({ ...parsed.terms.release?.masks }).toEqual({ year: masks[0], capital: masks[1] });
  });
  test.each([
    ["mask-unlisted", [{ element: "note", mask: "redact" }]],
    [
      "term-repeated",
      [
        { element: "year", mask: "redact" },
        { element: "year", mask: "pseudonym" },
      ],
    ],
    ["value-invalid", [{ element: "year", mask: "hash" }]],
    ["value-invalid", [{ element: "year", mask: "prefix" }]],
    ["value-invalid", [{ element: "year", mask: "prefix", length: "0" }]],
    ["value-invalid", [{ element: "capital", mask: "round", step: "0.0" }]],
    ["value-invalid", [{ element: "capital", mask: "round", step: 10 }]],
    ["value-invalid", [{ element: "year", mask: "redact", length: "1" }]],
  ])("%s: %j", (code, masks) => {
    expect(problemsOf(released(masks)).map((problem) => problem.code)).toContain(code);
  });
});

test("a value that does not fit is answered with what does, at its place, in words that a person can read", () => {
  const answer = (leftOperand: string, operator: string, rightOperand: unknown) => {
    const policy = changed((one) => {
      const { constraint = [] } = use(one);
      const others = constraint.filter((c) => c.leftOperand !== leftOperand);
      Object.assign(use(one), { constraint: [...others, { leftOperand, operator, rightOperand }] });
    });
    const problem = problemsOf(policy).find(({ code }) => code === "value-invalid");
    return `${problem?.field.replace(/.*rightOperand/, "")} ${problem?.parameters?.wanted}`;
  };
  expect(answer("sealane:counts", "eq", "opened")).toBe(" open | closed");
  expect(answer("sealane:receiverMode", "isAnyOf", ["direct", "revieved"])).toBe("/1 direct | reviewed");
  expect(answer("sealane:receiverMode", "isAnyOf", "reviewed")).toBe(" [direct | reviewed]");
  expect(answer("sealane:minimumOrganisations", "gteq", "2")).toBe(' "3" … "9999"');
  expect(answer("dateTime", "lteq", "2030-12-31")).toBe(' "2026-12-31T16:00:00Z"');
  expect(answer("sealane:rounding", "isAnyOf", [{ base: "5" }, { element: "staff", base: "0" }])).toBe(
    '/1/base "0.000000001" … "999999999999999"',
  );
  expect(answer("sealane:rounding", "isAnyOf", [{ element: "staff" }])).toBe(
    '/0 {element?: "some-code", base: "0.000000001" … "999999999999999", unit?: "some-code"}',
  );
});
