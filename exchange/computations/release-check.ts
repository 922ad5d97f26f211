/** Which sums may be published together with everything this receiver published before. Pure. */
import { type MeasuredSum, tellingFew } from "../../policies/disclosure/counted-rests.ts";
import type { Relation } from "../../policies/disclosure/equations.ts";
import { type Equation, guardReleases } from "../../policies/disclosure/release-guard.ts";
import type { Ranges } from "./record-ranges.ts";
import {
  type CodeDomains,
  type CodeTables,
  codeTables,
  familyOf,
  isRanged,
  ownTables,
  relationsOf,
} from "./record-relations.ts";
import type { Step } from "./steps.ts";

/** What a receiver saw of a total: numbers as text, since it is kept as JSON. */
export interface TotalFacts {
  readonly steps?: readonly Step[];
  readonly organisations: number;
  readonly mayBeFewer?: true;
  /** Squares may be fewer: what is left of another sum without this one cannot be judged. */
  readonly isBound?: true;
  readonly total: string;
  readonly squares: string;
}

export interface CountedIn {
  readonly least: number;
  readonly most: number;
  readonly need: number;
  /** Of a cell that was left out: cells of one name were left out together, which are of nobody or of at least so many. */
  readonly together?: readonly { readonly name: string; readonly least: number }[];
}

/** A sum as later releases see it: who is in it, under which record key. */
export interface SumEquation {
  readonly id: string;
  readonly record: string;
  /** Everyone who may be in it: who is not put zero into it. */
  readonly contributors: readonly string[];
  /** Counted mode: how many of them are, and the organisations that a sum of that release had to hold. Absent: all. */
  readonly counted?: CountedIn;
  /** It was not published and must not follow from what is. */
  readonly withheld?: true;
  /** Of an earlier one: the codes that its cohort had. Absent: as now. */
  readonly codes?: CodeTables;
  /** What was published of it, in integers of its layout as text, where it was rounded. */
  readonly rounded?: string;
  /** Of `rounded`. */
  readonly steps?: readonly Step[];
  /** Of a total, where sums of squares stand beside it: what this receiver saw, published or not. */
  readonly facts?: TotalFacts;
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
  /** What the cohort's assets declare of numbers, dates and periods. */
  readonly ranges?: Ranges;
  readonly colluders: number;
  /** Holding group by contributor; absent: its own. */
  readonly groups?: Readonly<Record<string, string>>;
}
export interface CheckedRelease {
  /** Ids of candidates that stay in. */
  readonly withheld: readonly string[];
  /** What later releases are checked against. */
  readonly equations: readonly SumEquation[];
}

export function checkRelease(inputs: ReleaseInputs): CheckedRelease {
  const { candidates, leftOut, ruledOut, domains } = inputs;
  const present = [...candidates, ...leftOut, ...ruledOut];
  const families = new Set(present.map(({ record }) => familyOf(record, inputs)));
  const related = inputs.earlier.filter(({ record }) => families.has(familyOf(record, inputs)));
  const earlier = connected(present, related);
  const now = codeTables(domains);
  const recordIn = ownTables(new Set<CodeTables>([now, ...earlier.map(({ codes }) => codes ?? now)]));
  const asOne = checkPlaced({ ...inputs, earlier });
  const isCut = [...present, ...earlier].some(({ record }) => isRanged(record, inputs));
  if (recordIn === undefined && !isCut) return asOne;
  const placed = (sums: readonly SumEquation[]) =>
    recordIn === undefined ? sums : sums.map((one) => ({ ...one, record: recordIn(one.record, one.codes ?? now) }));
  const apart = checkPlaced({
    ...inputs,
    beyond: true,
    earlier: placed(earlier),
    candidates: placed(candidates),
    leftOut: placed(leftOut),
    ruledOut: placed(ruledOut),
  });
  // A code that is new and holds nothing yet changes no total, nor do rows beyond all ranges where there are none: what
  // either reading withholds stays in.
  const known = new Set([...asOne.equations, ...apart.equations].map(({ id }) => id));
  const withheld = new Set([...asOne.withheld, ...apart.withheld]);
  const released = new Set(candidates.flatMap(({ id }) => (withheld.has(id) ? [] : [id])));
  return {
    withheld: candidates.map(({ id }) => id).filter((id) => withheld.has(id)),
    equations: present
      .filter(({ id }) => known.has(id))
      .map((one) => (released.has(one.id) ? one : { ...one, withheld: true as const })),
  };
}

function checkPlaced(inputs: ReleaseInputs & { readonly beyond?: boolean }): CheckedRelease {
  const { earlier, candidates, leftOut, ruledOut, colluders, groups = {} } = inputs;
  const present = [...candidates, ...leftOut, ...ruledOut];
  const relations = relationsOf(
    [...present, ...earlier].map(({ record }) => record),
    inputs,
  );
  const hiddenAll = present.map((one) => ({ ...one, withheld: true as const }));
  const nothing = { withheld: candidates.map(({ id }) => id), equations: hiddenAll };
  if (relations === undefined) return nothing;
  const blocks = blocksOf(relations, { earlier, candidates, leftOut, ruledOut });
  const checked = blocks.map((block) => checkBlock({ ...block, colluders, groups }));
  const withheld = new Set<string>();
  const lost = new Set<string>();
  for (const block of checked) {
    if (block === undefined) return nothing;
    for (const id of block.withheld) withheld.add(id);
    for (const id of block.lost) lost.add(id);
  }
  const held = candidates.filter(({ id }) => withheld.has(id));
  const kept = [...leftOut, ...ruledOut.filter(({ id }) => !lost.has(id)), ...held];
  return {
    withheld: held.map(({ id }) => id),
    equations: [
      ...candidates.filter(({ id }) => !withheld.has(id)),
      ...kept.map((one) => ({ ...one, withheld: true as const })),
    ],
  };
}

/** Sums over other organisations than these and those they were summed with tell nothing about them. */
function connected(present: readonly SumEquation[], earlier: readonly SumEquation[]): readonly SumEquation[] {
  const known = new Set(present.flatMap(({ contributors }) => contributors));
  for (let rest = earlier; ; ) {
    const found = rest.filter(({ contributors }) => contributors.some((one) => known.has(one)));
    if (found.length === 0) return earlier.filter((one) => !rest.includes(one));
    for (const one of found.flatMap(({ contributors }) => contributors)) known.add(one);
    rest = rest.filter((one) => !found.includes(one));
  }
}

type Sums = Pick<ReleaseInputs, "earlier" | "candidates" | "leftOut" | "ruledOut">;
interface Block extends Sums {
  readonly relations: readonly Relation[];
}

/**
 * Sums whose records no chain of relations connects are about different unknowns: no combination of the ones tells
 * anything of the others. So the cells of a table are checked one by one, however many there are.
 */
function blocksOf(relations: readonly Relation[], sums: Sums): readonly Block[] {
  const parents = new Map<string, string>();
  const root = (record: string): string => {
    let at = record;
    for (let next = parents.get(at); next !== undefined; next = parents.get(at)) at = next;
    if (at !== record) parents.set(record, at);
    return at;
  };
  for (const relation of relations) {
    for (const { record } of relation.slice(1)) {
      const [one, other] = [root(relation[0]!.record), root(record)];
      if (one !== other) parents.set(one, other);
    }
  }
  const blocks = new Map<string, { [K in keyof Block]: Block[K][number][] }>();
  const block = (record: string) => {
    const key = root(record);
    const known = blocks.get(key) ?? { earlier: [], candidates: [], leftOut: [], ruledOut: [], relations: [] };
    blocks.set(key, known);
    return known;
  };
  for (const kind of ["earlier", "candidates", "leftOut", "ruledOut"] as const) {
    for (const sum of sums[kind]) block(sum.record)[kind].push(sum);
  }
  for (const relation of relations) block(relation[0]!.record).relations.push(relation);
  return [...blocks.values()];
}

interface CheckedBlock {
  readonly withheld: readonly string[];
  /** Hidden sums that were told before, by another statistic for example: they cannot be hidden again. */
  readonly lost: ReadonlySet<string>;
}

/** Undefined where earlier releases alone determine what must stay hidden. */
function checkBlock(block: Block & Required<Pick<ReleaseInputs, "colluders" | "groups">>): CheckedBlock | undefined {
  const { earlier, candidates, leftOut, ruledOut, relations, colluders, groups } = block;
  const told = earlier.filter(({ withheld }) => withheld !== true);
  const guard = (wanted: readonly SumEquation[], hidden: readonly SumEquation[]) =>
    guardReleases({
      earlier: told.map(termsOf),
      candidates: wanted.map(termsOf),
      withheld: hidden.map(termsOf),
      relations,
      colluders,
      groups,
    });
  const hidable = [...ruledOut, ...earlier.filter(({ withheld }) => withheld === true)];
  const lost = new Set(told.length === 0 ? [] : guard([], hidable).alreadyDetermined);
  const hidden = [...leftOut, ...hidable.filter(({ id }) => !lost.has(id))];
  const few = uncountedIn(block);
  const { release, alreadyDetermined } = guard(
    candidates.filter(({ id }) => !few.has(id)),
    hidden,
  );
  if (alreadyDetermined.length > 0) return undefined;
  const released = new Set(release);
  return { withheld: candidates.map(({ id }) => id).filter((id) => !released.has(id)), lost };
}

/** What the guard takes for a sum over all contributors, and what may be one over few: nobody counted it. */
function uncountedIn({ relations, ...sums }: Block): ReadonlySet<string> {
  const [told, before] = partition(sums.earlier, ({ withheld }) => withheld !== true);
  const hidden = [...sums.leftOut, ...sums.ruledOut, ...before];
  const needs = [...told, ...sums.candidates].flatMap(({ counted }) => (counted === undefined ? [] : [counted.need]));
  if (needs.length === 0 || relations.length === 0) return new Set();
  return tellingFew({
    earlier: told.map(measured),
    // As the guard does: what holds the most first.
    candidates: sums.candidates.map(measured).sort((a, b) => b.least - a.least),
    hidden: [...hidden.filter(({ counted }) => counted !== undefined).map(measured), ...leftOutTogether(hidden)],
    relations,
    need: Math.max(...needs),
  });
}

function measured(sum: SumEquation): MeasuredSum {
  const all = sum.contributors.length;
  const { least, most } = sum.counted ?? { least: all, most: all };
  return { ...termsOf(sum), least, most };
}

function leftOutTogether(hidden: readonly SumEquation[]): readonly MeasuredSum[] {
  const sums = new Map<string, MeasuredSum>();
  for (const sum of hidden) {
    for (const { name, least } of sum.counted?.together ?? []) {
      const { terms } = sums.get(name) ?? { terms: [] };
      sums.set(name, { id: name, terms: [...terms, ...termsOf(sum).terms], least, most: Number.POSITIVE_INFINITY });
    }
  }
  return [...sums.values()];
}

function partition<T>(all: readonly T[], isFirst: (one: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [all.filter(isFirst), all.filter((one) => !isFirst(one))];
}

const termsOf = ({ id, record, contributors }: SumEquation): Equation => ({
  id,
  terms: contributors.map((contributor) => ({ contributor, record, coefficient: 1n })),
});
