/** Which sums may be published together with everything this receiver published before. Pure. */
import { type Equation, guardReleases } from "../../policies/disclosure/release-guard.ts";
import { type CodeDomains, familyOf, relationsOf } from "./record-relations.ts";

/** A sum as later releases see it: who is in it, under which record key. */
export interface SumEquation {
  readonly id: string;
  readonly record: string;
  /** Everyone who may be in it: who is not put zero into it. */
  readonly contributors: readonly string[];
  /** It was not published and must not follow from what is. */
  readonly withheld?: true;
}

export interface ReleaseInputs {
  /** What this receiver published or withheld before. */
  readonly earlier: readonly SumEquation[];
  /** Sums that the output rules let out. */
  readonly candidates: readonly SumEquation[];
  /** Sums of left-out cells. */
  readonly leftOut: readonly SumEquation[];
  /** Sums that the output rules withhold. */
  readonly ruledOut: readonly SumEquation[];
  readonly domains: CodeDomains;
  readonly colluders: number;
}
export interface CheckedRelease {
  /** Ids of candidates that stay in. */
  readonly withheld: readonly string[];
  /** What later releases are checked against. */
  readonly equations: readonly SumEquation[];
}

export function checkRelease(inputs: ReleaseInputs): CheckedRelease {
  const { candidates, leftOut, ruledOut, domains, colluders } = inputs;
  const present = [...candidates, ...leftOut, ...ruledOut];
  const families = new Set(present.map(({ record }) => familyOf(record, domains)));
  const earlier = inputs.earlier.filter(({ record }) => families.has(familyOf(record, domains)));
  const relations = relationsOf(
    [...present, ...earlier].map(({ record }) => record),
    domains,
  );
  const nothing = { withheld: candidates.map(({ id }) => id), equations: [] };
  if (relations === undefined) return nothing;
  const told = earlier.filter(({ withheld }) => withheld !== true);
  const guard = (wanted: readonly SumEquation[], hidden: readonly SumEquation[]) =>
    guardReleases({
      earlier: told.map(termsOf),
      candidates: wanted.map(termsOf),
      withheld: hidden.map(termsOf),
      relations,
      colluders,
    });

  // What was told before, by another statistic for example, cannot be hidden again.
  const hidable = [...ruledOut, ...earlier.filter(({ withheld }) => withheld === true)];
  const lost = new Set(guard([], hidable).alreadyDetermined);
  const hidden = [...leftOut, ...hidable.filter(({ id }) => !lost.has(id))];

  const { release, alreadyDetermined } = guard(candidates, hidden);
  if (alreadyDetermined.length > 0) return nothing;
  const released = new Set(release);
  const withheld = candidates.filter(({ id }) => !released.has(id));
  const kept = [...leftOut, ...ruledOut.filter(({ id }) => !lost.has(id)), ...withheld];
  return {
    withheld: withheld.map(({ id }) => id),
    equations: [
      ...candidates.filter(({ id }) => released.has(id)),
      ...kept.map((one) => ({ ...one, withheld: true as const })),
    ],
  };
}

const termsOf = ({ id, record, contributors }: SumEquation): Equation => ({
  id,
  terms: contributors.map((contributor) => ({ contributor, record, coefficient: 1n })),
});
