/** What a policy says of noise: differential privacy of releases over its asset. Numbers are text, as in the policy. */
import { type Static, Type } from "typebox";
import { Code, closed, Decimal } from "./vocabulary.ts";

/** More than 0, below 1,000, at most six digits after the point. */
const EpsilonText = Type.String({
  pattern: "^(?:0\\.\\d{0,5}[1-9]|[1-9]\\d{0,2}(?:\\.\\d{1,6})?)$",
  examples: ["0.000001", "999"],
});
/** More than 0, at most a tenth. */
const DeltaText = Type.String({ pattern: "^0\\.(?:0\\d{0,14}[1-9]|1)$", examples: ["0.000001", "0.1"] });
/** An organisation's sum of the element in one cell, in the unit of the asset's field; what lies beyond is cut off. */
const Clip = closed({ element: Code, minimum: Decimal, maximum: Decimal });

export const PrivacyTerm = closed({
  /** Most that one release may be, at `delta`. */
  epsilon: EpsilonText,
  /** ε of all releases together, at `delta`. */
  budget: EpsilonText,
  delta: Type.Optional(DeltaText),
  clips: Type.Optional(Type.Array(Clip, { minItems: 1, maxItems: 64, uniqueItems: true })),
  /** Most units, or rows, that an organisation counts in one cell. */
  units: Type.Optional(Type.String({ pattern: "^[1-9]\\d{0,8}$", examples: ["1", "999999999"] })),
});

export interface PrivacyTerms {
  readonly epsilon: string;
  readonly delta: string;
  readonly budget: string;
  readonly clips: readonly Static<typeof Clip>[];
  readonly units: number;
}

/** Where a policy wants noise and says nothing of these. */
export const SILENT = Object.freeze({ delta: "0.000001", units: 1 });

export const privacyTerms = ({ units, ...stated }: Static<typeof PrivacyTerm>): PrivacyTerms => ({
  ...SILENT,
  clips: [],
  ...stated,
  ...(units === undefined ? {} : { units: Number(units) }),
});

/** What all of a cohort want of one release; undefined: none of them wants noise. */
export type CohortPrivacy = Pick<PrivacyTerms, "epsilon" | "delta" | "units">;

export function strictestPrivacy(all: readonly (PrivacyTerms | undefined)[]): CohortPrivacy | undefined {
  const stated = all.filter((one) => one !== undefined);
  if (stated.length === 0) return undefined;
  const least = (name: "epsilon" | "delta") =>
    stated.map((one) => one[name]).reduce((a, b) => (Number(b) < Number(a) ? b : a));
  return { epsilon: least("epsilon"), delta: least("delta"), units: Math.min(...stated.map(({ units }) => units)) };
}
