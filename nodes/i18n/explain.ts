/**
 * The one place where a code and its parameters become a sentence. A problem that carries parameters is told by its text
 * alone; where it carries none, the technical detail follows in the words of whoever found it (English).
 */
import type { ProblemParameters } from "../../policies/model/problem.ts";
import type { Texts } from "./text.ts";

/** A problem as this program finds it, or as another node sent it. */
export interface Explainable {
  readonly field?: string;
  readonly code?: string;
  readonly parameters?: ProblemParameters;
  readonly detail?: string;
}

/** What is wrong, without the place. */
export function explain({ code, parameters, detail }: Explainable, texts: Texts): string {
  const values = parameters === undefined ? undefined : inWords(parameters, texts);
  const known = code === undefined ? undefined : (texts.knownReason(code, values) ?? texts.error(code, values));
  const said = known ?? texts.text("problem.unknown", { code: code ?? "–" });
  if (detail === undefined || detail === "" || detail === code) return said;
  if (known !== undefined && values !== undefined) return said;
  return `${said} ${technical(detail, texts)}`;
}

/** Parameters that are codes themselves have texts too. */
const FAMILIES = { state: "request.state", outcome: "outcome" } as const;

const inWords = (parameters: ProblemParameters, texts: Texts): ProblemParameters =>
  Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => {
      const family = Object.hasOwn(FAMILIES, name) ? FAMILIES[name as keyof typeof FAMILIES] : undefined;
      return [name, family === undefined ? value : (texts.find(`${family}.${value}`) ?? value)];
    }),
  );

/** What is wrong, with its place first. */
export function explainAt(problem: Explainable, texts: Texts): string {
  const field = problem.field ?? "";
  const place = field === "" ? texts.text("problem.whole") : field;
  return texts.text("problem.at", { place, said: explain(problem, texts) });
}

export const technical = (detail: string, texts: Texts): string => texts.text("problem.technical", { detail });
