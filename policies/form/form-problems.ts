/** Everything that a request form lacks or contradicts, at once. Pure. */
import type { RequestForm } from "../model/form.ts";
import type { ProblemParameters } from "../model/problem.ts";
import type { Readable } from "../model/readable-parts.ts";

export const FORM_PROBLEM_CODES = [
  "form-missing",
  "form-blank",
  "form-credit-code",
  "form-phone",
  "form-email",
  "form-usage",
  "form-assessment",
  "form-sharing",
  "form-abroad",
  "form-not-declared",
  "form-not-committed",
] as const;
type Code = (typeof FORM_PROBLEM_CODES)[number];

export interface FormProblem {
  /** Place in the request. */
  readonly field: string;
  readonly code: Code;
  readonly parameters: ProblemParameters;
}

/** What the rest of the request and the assets say. */
export interface FormFacts {
  /** Data elements that the query reads. */
  readonly elements: readonly string[];
  /** Who gets the figures besides requester and receiver. */
  readonly recipients: readonly string[];
  readonly territory: string | undefined;
  /** What the assets declare of the fields that are read. */
  readonly isPersonal: boolean;
  readonly isImportant: boolean;
}

type Given = Readable<RequestForm>;

const PHONE = /^\+?\d[\d -]{4,19}$/;
const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

export function formProblems(form: Given, facts: FormFacts): readonly FormProblem[] {
  const found: FormProblem[] = [];
  const add = (field: string, code: Code, parameters: ProblemParameters = {}) =>
    void found.push({ field: `form.${field}`, code, parameters });
  /** Missing, blank, or what `check` makes of it. */
  const text = (
    field: string,
    value: string | undefined,
    check: (value: string) => Code | undefined = () => undefined,
  ) => {
    if (value === undefined) return add(field, "form-missing");
    const code = value.trim() === "" ? "form-blank" : check(value);
    if (code !== undefined) add(field, code, code === "form-blank" ? {} : { got: value });
  };
  const there = (field: string, value: unknown) => {
    if (value === undefined) add(field, "form-missing");
  };
  const { applicant = {}, leavesCountry = {}, commitments = {} } = form;
  text("applicant.creditCode", applicant.creditCode, (code) => (isCreditCode(code) ? undefined : "form-credit-code"));
  text("applicant.person", applicant.person);
  text("applicant.phone", applicant.phone, (phone) => (PHONE.test(phone) ? undefined : "form-phone"));
  text("applicant.email", applicant.email, (email) => (EMAIL.test(email) ? undefined : "form-email"));
  text("scenario", form.scenario);
  for (const element of facts.elements) text(`necessity.${element}`, form.necessity?.[element]);
  const usage = form.usage ?? "aggregate-statistics";
  if (usage !== "aggregate-statistics" && usage !== "ciphertext-computation")
    add("usage", "form-usage", { got: usage });
  there("frequency", form.frequency);
  there("calls", form.calls);
  text("deployment", form.deployment);
  there("leavesCountry.leaves", leavesCountry.leaves);
  if (leavesCountry.leaves === true) text("leavesCountry.assessment", leavesCountry.assessment);
  const isAbroad = facts.territory !== undefined && !/^CN(-|$)/.test(facts.territory);
  if (leavesCountry.leaves === false && isAbroad)
    add("leavesCountry.leaves", "form-abroad", { got: facts.territory ?? "" });
  there("onwardSharing", form.onwardSharing);
  if (form.onwardSharing === false && facts.recipients.length > 0) {
    add("onwardSharing", "form-sharing", { got: facts.recipients.join(", ") });
  }
  for (const [field, isDeclared] of [
    ["personalInformation", facts.isPersonal],
    ["importantData", facts.isImportant],
  ] as const) {
    const { involved, assessment } = form[field] ?? {};
    there(`${field}.involved`, involved);
    if (involved === false && isDeclared) add(`${field}.involved`, "form-not-declared");
    if (involved === true && (assessment ?? "").trim() === "") add(`${field}.assessment`, "form-assessment");
  }
  there("destruction", form.destruction);
  for (const field of ["confidentiality", "agreement"] as const) {
    if (commitments[field] !== true) add(`commitments.${field}`, "form-not-committed");
  }
  return found;
}

const CREDIT_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY";

/** GB 32100-2015: 17 characters and a check character modulo 31, with weights 3^i. */
export function isCreditCode(code: string): boolean {
  if (code.length !== 18) return false;
  let weight = 1;
  let sum = 0;
  for (const character of code.slice(0, 17)) {
    const value = CREDIT_CHARACTERS.indexOf(character);
    if (value < 0) return false;
    sum += value * weight;
    weight = (weight * 3) % 31;
  }
  return CREDIT_CHARACTERS[(31 - (sum % 31)) % 31] === code[17];
}
