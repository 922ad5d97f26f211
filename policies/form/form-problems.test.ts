import fc from "fast-check";
import { expect, test } from "vitest";
import type { RequestForm } from "../model/form.ts";
import { FORM_PROBLEM_CODES, type FormFacts, formProblems, isCreditCode } from "./form-problems.ts";

const facts: FormFacts = {
  elements: ["energy", "output"],
  recipients: [],
  territory: "CN-33",
  isPersonal: false,
  isImportant: false,
};
const complete: RequestForm = {
  applicant: { creditCode: "91350100M000100Y43", person: "Li", phone: "0575-8888 0000", email: "li@example.gov.cn" },
  scenario: "Monthly figures of the textile industry",
  necessity: { energy: "numerator", output: "denominator" },
  frequency: "monthly",
  calls: 12,
  deployment: "The bureau's own server room",
  leavesCountry: { leaves: false },
  onwardSharing: false,
  personalInformation: { involved: false },
  importantData: { involved: false },
  destruction: "delete",
  commitments: { confidentiality: true, agreement: true },
};
const said = (form: RequestForm, change: Partial<FormFacts> = {}) =>
  formProblems(form, { ...facts, ...change }).map(({ field, code }) => `${field.replace("form.", "")} ${code}`);

test("a complete form lacks nothing, and statistics are what is asked for unless it says otherwise", () => {
  expect(said(complete)).toEqual([]);
});

test("an empty form is told everything that it lacks, at once", () => {
  expect(said({})).toEqual([
    ...["creditCode", "person", "phone", "email"].map((name) => `applicant.${name} form-missing`),
    "scenario form-missing",
    "necessity.energy form-missing",
    "necessity.output form-missing",
    "frequency form-missing",
    "calls form-missing",
    "deployment form-missing",
    "leavesCountry.leaves form-missing",
    "onwardSharing form-missing",
    "personalInformation.involved form-missing",
    "importantData.involved form-missing",
    "destruction form-missing",
    "commitments.confidentiality form-not-committed",
    "commitments.agreement form-not-committed",
  ]);
});

test.each([
  [
    "applicant.creditCode form-credit-code",
    { applicant: { ...complete.applicant, creditCode: "91350100M000100Y44" } },
    {},
  ],
  ["applicant.phone form-phone", { applicant: { ...complete.applicant, phone: "call me" } }, {}],
  ["applicant.email form-email", { applicant: { ...complete.applicant, email: "li" } }, {}],
  ["applicant.person form-blank", { applicant: { ...complete.applicant, person: " " } }, {}],
  ["necessity.wages form-missing", {}, { elements: ["energy", "wages"] }],
  ["usage form-usage", { usage: "masked-records" }, {}],
  ["leavesCountry.assessment form-missing", { leavesCountry: { leaves: true } }, {}],
  ["leavesCountry.leaves form-abroad", {}, { territory: "DE" }],
  ["onwardSharing form-sharing", {}, { recipients: ["district"] }],
  ["personalInformation.involved form-not-declared", {}, { isPersonal: true }],
  ["importantData.assessment form-assessment", { importantData: { involved: true } }, { isImportant: true }],
  ["commitments.agreement form-not-committed", { commitments: { confidentiality: true, agreement: false } }, {}],
] as [string, Partial<RequestForm>, Partial<FormFacts>][])("%s", (wanted, change, given) => {
  expect(said({ ...complete, ...change }, given)).toEqual([wanted]);
});

test("every code is covered here", () => {
  expect(FORM_PROBLEM_CODES).toHaveLength(11);
});

test("of a credit code no character can be changed, nor two neighbours exchanged, unseen", () => {
  expect(isCreditCode("91350100M000100Y43")).toBe(true);
  expect(isCreditCode("91350100M000100Y4")).toBe(false);
  const characters = "0123456789ABCDEFGHJKLMNPQRTUWXY";
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 17 }), fc.constantFrom(...characters), (at, character) => {
      const code = "91350100M000100Y43";
      fc.pre(code[at] !== character);
      expect(isCreditCode(`${code.slice(0, at)}${character}${code.slice(at + 1)}`)).toBe(false);
      const next = `${code.slice(0, at)}${code[at + 1] ?? ""}${code[at]}${code.slice(at + 2)}`;
      if (at < 16 && code[at] !== code[at + 1]) expect(isCreditCode(next)).toBe(false);
    }),
  );
});
