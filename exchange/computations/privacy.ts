/**
 * Releases with noise: what each organisation's contribution is bounded to, how much noise every sum gets, who adds how
 * much of it, and the standard error that follows. Everything is a function of the opening and of the documents behind
 * it, so members, receiver and evidence come to the same.
 */
import { LARGEST_MEAN } from "../../crypto/noise/poisson.ts";
import { skellamSampler } from "../../crypto/noise/skellam.ts";
import { inAtom } from "../../crypto/secagg/cells.ts";
import type { Parties } from "../../crypto/secagg/opened.ts";
import type { TransactionBody } from "../../ledger/port.ts";
import type { Asset } from "../../policies/model/asset.ts";
import type { CohortPrivacy, PrivacyTerms } from "../../policies/model/privacy-terms.ts";
import { costFor } from "../../policies/privacy/accountant.ts";
import { varianceFor } from "../../policies/privacy/skellam.ts";
import { multiplierOf, numericFieldOf, scaledInteger } from "../statistics/elements.ts";
import type { Layout, Word } from "../statistics/layout.ts";
import { type Rational, rational } from "../statistics/rational.ts";
import { readElement, writeElement } from "../statistics/vector.ts";
import { ComputationError } from "./errors.ts";

type OpenBody = TransactionBody<"computation.open">;
export type OpenedPrivacy = NonNullable<OpenBody["privacy"]>;

interface Noised {
  /** Least and most of one organisation in one cell, in steps. */
  readonly least: bigint;
  readonly most: bigint;
  /** Integers of the layout in one step. */
  readonly granule: bigint;
  /** Of the noise, in squared steps, where only honest members' shares count. */
  readonly variance: number;
}

/** As it is kept while a computation runs. */
export interface NoisePlan {
  readonly cost: number;
  /** By component of the layout; whole numbers as text. */
  readonly components: readonly {
    readonly least: string;
    readonly most: string;
    readonly granule: string;
    readonly variance: number;
  }[];
}

export interface PrivateParty {
  readonly asset: Asset;
  readonly privacy: PrivacyTerms | undefined;
}

type Opening = Pick<OpenBody, "cells" | "cohort" | "constants">;

/** As many as the noise's tables allow: what is rounded to steps should vanish in the noise. */
const MOST_STEPS = 1024;
/** Standard deviations that must fit beside the bounds. */
const ROOM = 64n;

/** Throws ERR_COMPUTATION_NOT_OPENABLE where no noise of this size can be added. */
export function noisePlan(
  layout: Layout,
  parties: readonly PrivateParty[],
  { epsilon, delta, units }: CohortPrivacy,
): NoisePlan {
  const cost = costFor(Number(epsilon), Number(delta));
  const share = Math.floor(cost / layout.components.length);
  // Of a registry dimension an organisation is in one cell, of a coded one perhaps in all.
  const cells = layout.domains.reduce((n, { kind, codes }) => (kind === "element" ? n * codes.length : n), 1);
  const components = layout.components.map(({ word, words }) => {
    const bounds = boundsOf(word, { layout, parties, units });
    if (bounds.minimum >= bounds.maximum) throw notNoised(`nothing is left between the bounds of ${word.kind}`);
    for (let steps = MOST_STEPS; steps >= 1; steps /= 2) {
      const noised = inSteps(bounds, steps);
      const variance = varianceFor(share, { cells, steps: Number(noised.most - noised.least) });
      // One member's share may be all of it.
      if (variance === undefined || variance > 2 * LARGEST_MEAN) continue;
      demandRoom({ ...noised, variance }, { words, members: parties.length });
      const [least, most, granule] = [noised.least, noised.most, noised.granule].map(String);
      return { least: least!, most: most!, granule: granule!, variance };
    }
    throw notNoised(`ε ${epsilon} at δ ${delta} is too little for ${layout.components.length} sums in ${cells} cells`);
  });
  return { cost, components };
}

export const openedPrivacy = ({ cost, components }: NoisePlan): OpenedPrivacy => ({
  cost,
  components: components.map(({ least, most, granule, variance }) => ({
    granule,
    steps: Number(BigInt(most) - BigInt(least)),
    variance,
  })),
});

/** Least and most that every policy with bounds allows, as integers of the layout. */
function boundsOf(
  word: Word,
  given: { readonly layout: Layout; readonly parties: readonly PrivateParty[]; readonly units: number },
) {
  if (word.kind === "units" || (word.kind === "moment" && word.factors.length === 0)) {
    return { minimum: 0n, maximum: BigInt(given.units) };
  }
  const [element] = word.kind === "moment" ? word.factors : [];
  if (word.kind !== "moment" || word.factors.length !== 1 || element === undefined) {
    throw notNoised(`no noise is defined for ${word.kind}`);
  }
  const common = given.layout.elements.find((candidate) => candidate.element === element)!;
  const stated = given.parties.flatMap(({ asset, privacy }) => {
    const clip = privacy?.clips.find((candidate) => candidate.element === element);
    if (clip === undefined) return [];
    const field = numericFieldOf(asset, element);
    const multiplier = multiplierOf(field, common)!;
    return [
      {
        minimum: scaledInteger(clip.minimum, field.scale, "up")! * multiplier,
        maximum: scaledInteger(clip.maximum, field.scale, "down")! * multiplier,
      },
    ];
  });
  if (stated.length === 0) throw notNoised(`no policy bounds ${element}`);
  return {
    minimum: stated.map(({ minimum }) => minimum).reduce(larger),
    maximum: stated.map(({ maximum }) => maximum).reduce(smaller),
  };
}

function inSteps({ minimum, maximum }: { readonly minimum: bigint; readonly maximum: bigint }, wanted: number) {
  const range = maximum - minimum;
  let granule = (range + BigInt(wanted) - 1n) / BigInt(wanted);
  // Rounding of both ends may make one step more.
  if (nearest(maximum, granule) - nearest(minimum, granule) > BigInt(wanted)) granule += 1n;
  const [least, most] = [nearest(minimum, granule), nearest(maximum, granule)];
  return { least, most: most > least ? most : least + 1n, granule };
}

const larger = (a: bigint, b: bigint): bigint => {
  if (a > b) return a;
  return b;
};
const smaller = (a: bigint, b: bigint): bigint => {
  if (a < b) return a;
  return b;
};

/** Half up. */
function nearest(value: bigint, granule: bigint): bigint {
  const twice = 2n * value + granule;
  const quotient = twice / (2n * granule);
  return twice % (2n * granule) < 0n ? quotient - 1n : quotient;
}

function demandRoom(
  { least, most, granule, variance }: Noised,
  { words, members }: { readonly words: 1 | 2; readonly members: number },
): void {
  const largest = [least, most].map((end) => (end < 0n ? -end : end)).reduce(larger);
  const noise = ROOM * BigInt(Math.ceil(Math.sqrt(variance * members)));
  if (granule * (BigInt(members) * (largest + 1n) + noise) < 2n ** BigInt(64 * words - 1)) return;
  throw notNoised("bounded contributions and their noise do not fit the sums: narrow the bounds");
}

// ---- who adds how much

/** Members of the cohort that the registry has in the cell. */
const inCell = ({ cells, cohort }: Opening, { attributes }: Pick<Parties, "attributes">, atom: number): number =>
  cohort.filter(({ member }) => inAtom(cells.dimensions, attributes[member] ?? {}, atom)).length;

/** Shares of noise in the cell that are honest members' in any release: of all that may drop and collude, none is. */
function honestShares(opened: Opening, parties: Pick<Parties, "attributes">, atom: number): number {
  const { members, quorum, need, colluders } = opened.constants;
  return Math.max(need, inCell(opened, parties, atom) - (members - quorum)) - colluders;
}

/** Mean of the two Poisson numbers of one member's share, in steps. */
const meanOf = (variance: number, honest: number): number => Math.ceil(variance / (2 * honest));

interface NoiseInputs {
  readonly opened: Opening;
  readonly layout: Layout;
  readonly plan: NoisePlan;
  readonly parties: Pick<Parties, "attributes">;
}

/** Noise of one member for all its cells, in steps: drawn before its data is asked for. Zero outside its cells. */
export function drawNoise(
  { opened, layout, plan, parties }: NoiseInputs,
  member: string,
  random: (bytes: number) => Uint8Array,
): Int32Array {
  const samplers = new Map<number, ReturnType<typeof skellamSampler>>();
  const noise = new Int32Array(layout.atoms * layout.components.length);
  for (let atom = 0; atom < layout.atoms; atom++) {
    if (!inAtom(opened.cells.dimensions, parties.attributes[member] ?? {}, atom)) continue;
    const honest = honestShares(opened, parties, atom);
    for (const [index, { variance }] of plan.components.entries()) {
      const mean = meanOf(variance, honest);
      const sampler = samplers.get(mean) ?? skellamSampler(mean);
      samplers.set(mean, sampler);
      noise[atom * layout.components.length + index] = sampler(random);
    }
  }
  return noise;
}

/** The member's vector, each sum bounded, rounded to steps, and with its noise. Zeros outside its cells stay. */
export function withNoise(
  values: BigUint64Array,
  { opened, layout, plan, parties }: NoiseInputs,
  member: string,
  noise: Int32Array,
): BigUint64Array {
  const out = new BigUint64Array(values.length);
  const bounds = plan.components.map(({ least, most, granule }) => ({
    least: BigInt(least),
    most: BigInt(most),
    granule: BigInt(granule),
  }));
  for (let atom = 0; atom < layout.atoms; atom++) {
    if (!inAtom(opened.cells.dimensions, parties.attributes[member] ?? {}, atom)) continue;
    let at = atom * layout.wordsPerAtom;
    for (const [index, { words }] of layout.components.entries()) {
      const { least, most, granule } = bounds[index]!;
      const steps = nearest(readElement(values, at, words), granule);
      const bounded = larger(least, smaller(steps, most));
      const drawn = BigInt(noise[atom * layout.components.length + index]!);
      writeElement(out, at, words, (bounded + drawn) * granule);
      at += words;
    }
  }
  return out;
}

/** Of the sum of a component over `contributors` of a cell, in squared integers of the layout: noise, and rounding at its most. */
export function errorVariance(
  opened: Opening & { readonly privacy?: OpenedPrivacy },
  parties: Pick<Parties, "attributes">,
  {
    atom,
    component,
    contributors,
  }: { readonly atom: number; readonly component: number; readonly contributors: number },
): Rational {
  return varianceOf(opened.privacy!.components[component]!, honestShares(opened, parties, atom), contributors);
}

function varianceOf(
  { granule, variance }: OpenedPrivacy["components"][number],
  honest: number,
  contributors: number,
): Rational {
  const step = BigInt(granule);
  const noise = 2n * BigInt(meanOf(variance, honest));
  const rounding = step === 1n ? 0n : 1n;
  return rational(BigInt(contributors) * step * step * (4n * noise + rounding), 4n);
}

/** Of one sum of a cell. `element` absent: units of the tables. */
export interface ExpectedError {
  readonly of: "units" | "rows" | "sum";
  readonly element?: string;
  /** Of the figure; absent where it is a number of units or rows, or the tables state none. */
  readonly unit?: string;
  readonly standardError: number;
}

/** What a release will be worth, by metadata alone: of a cell with everybody in it, or the widest where the register splits the cohort. */
export function expectedErrors(
  opened: Pick<OpenBody, "constants"> & { readonly privacy?: OpenedPrivacy | undefined },
  layout: Pick<Layout, "components" | "domains" | "elements">,
): readonly ExpectedError[] {
  const { members, quorum, need, colluders } = opened.constants;
  const mayDrop = members - quorum;
  const isSplit = layout.domains.some(({ kind }) => kind === "attribute");
  const contributors = isSplit ? Math.min(members, need + mayDrop) : members;
  const honest = Math.max(need, contributors - mayDrop) - colluders;
  return (opened.privacy?.components ?? []).flatMap((noised, index): ExpectedError[] => {
    const { numerator, denominator } = varianceOf(noised, honest, contributors);
    const error = Math.sqrt(Number(numerator) / Number(denominator));
    const word = layout.components[index]?.word;
    if (word?.kind === "units") return [{ of: "units", standardError: error }];
    if (word?.kind !== "moment") return [];
    const [element] = word.factors;
    if (element === undefined) return [{ of: "rows", element: word.complete[0] ?? "", standardError: error }];
    const { unit, scale } = layout.elements.find((one) => one.element === element)!;
    return [{ of: "sum", element, ...(unit === null ? {} : { unit }), standardError: error / 10 ** scale }];
  });
}

const notNoised = (detail: string) =>
  new ComputationError("ERR_COMPUTATION_NOT_OPENABLE", `privacy: ${detail}`, {
    problems: [{ field: "privacy", code: "privacy-clip", detail }],
  });
