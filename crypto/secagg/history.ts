/** Which later contributing sets are allowed (specification §5). Pure over what a member remembers of its releases. */
import { tellsFew } from "./combinations.ts";

/** Contributors of one released cell; a pair is `<asset>#<version>`, ascending. */
export type ContributingSet =
  | { readonly kind: "exact"; readonly pairs: readonly string[] }
  | {
      /** Counted mode: contributors are some of `pairs`, between `least` and `most` of them. */
      readonly kind: "counted";
      readonly pairs: readonly string[];
      readonly least: number;
      readonly most: number;
    };

export interface ReleasedCell {
  readonly recordKey: string;
  /** Index into `sets`. */
  readonly set: number;
}

/** One value release as a member remembers it, written before its view-2 signature leaves. Keep for ever. */
export interface HistoryEntry {
  readonly computation: string;
  /** Digest of close-2 and its ledger position. */
  readonly digest: string;
  readonly position: number;
  /** Organisations a released sum had to hold, by the strictest policy of that cohort. */
  readonly need: number;
  readonly sets: readonly ContributingSet[];
  readonly cells: readonly ReleasedCell[];
  /** Holding groups of the cohort by member; a group never changes. Where no entry names one, it is the member's own. */
  readonly groups?: Readonly<Record<string, string>>;
}

const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((pair, at) => pair === b[at]);
const minus = (a: readonly string[], b: ReadonlySet<string>): number => a.reduce((n, x) => n + (b.has(x) ? 0 : 1), 0);
const least = (set: ContributingSet): number => (set.kind === "exact" ? set.pairs.length : set.least);
const most = (set: ContributingSet): number => (set.kind === "exact" ? set.pairs.length : set.most);

/**
 * Identical sets, or on each side of the difference provably 0 or ≥ need contributing pairs; one set has one pair of a
 * holding group at most, so that pairs are groups here. A revised asset is two
 * different pairs, so it is on both sides. Counted sets are comparable only when one holds the other's candidates.
 */
export function differenceAllowed(earlier: ContributingSet, later: ContributingSet, need: number): boolean {
  if (isSame(earlier.pairs, later.pairs)) return true;
  const onlyEarlier = minus(earlier.pairs, new Set(later.pairs));
  const onlyLater = minus(later.pairs, new Set(earlier.pairs));
  if (onlyEarlier === 0 && onlyLater === 0) return true;
  if (earlier.kind === "exact" && later.kind === "exact") {
    return [onlyEarlier, onlyLater].every((side) => side === 0 || side >= need);
  }
  if (onlyEarlier > 0 && onlyLater > 0) return false;
  const [large, small, extra] = onlyEarlier === 0 ? [later, earlier, onlyLater] : [earlier, later, onlyEarlier];
  const fewest = least(large) - most(small);
  const greatest = Math.min(extra, most(large) - least(small));
  return greatest <= 0 || fewest >= need;
}

/**
 * First cell whose release beside earlier ones could tell too few organisations apart: beside one of them, or, where
 * contributors are known exactly, by any combination of all, in which affiliates and the tables of one member are one.
 * A difference holds members of either cohort, so the largest need counts: who asked for it may not be there to refuse
 * the next time.
 */
export function firstForbidden(
  history: readonly HistoryEntry[],
  proposed: HistoryEntry,
): { readonly recordKey: string; readonly earlier: string } | undefined {
  if (history.length === 0) return undefined;
  const wanted = new Map<string, number[]>();
  for (const { recordKey, set } of proposed.cells) {
    const sets = wanted.get(recordKey);
    if (sets === undefined) wanted.set(recordKey, [set]);
    else sets.push(set);
  }
  const { byRecordKey, groups } = indexOf(history);
  const groupOf = (pair: string): string => {
    const member = pair.split(":", 1)[0]!;
    return proposed.groups?.[member] ?? groups.get(member) ?? member;
  };
  const judged = new Map<readonly Released[], Map<string, string | undefined>>();
  for (const [recordKey, later] of wanted) {
    const releases = byRecordKey.get(recordKey) ?? NONE;
    const known = judged.get(releases) ?? new Map<string, string | undefined>();
    judged.set(releases, known);
    const name = later.join();
    if (!known.has(name)) {
      const laterSets = later.map((set) => proposed.sets[set]!);
      known.set(name, forbiddenBeside(releases, laterSets, proposed, groupOf));
    }
    const earlier = known.get(name);
    if (earlier !== undefined) return { recordKey, earlier };
  }
  return undefined;
}

/** The computation beside which one of these sets may not be released. */
function forbiddenBeside(
  releases: readonly Released[],
  laterSets: readonly ContributingSet[],
  { computation, digest, need }: HistoryEntry,
  groupOf: (pair: string) => string,
): string | undefined {
  // The same closing again is the same release, met once more after a crash.
  const others = releases.filter((one) => one.computation !== computation || one.digest !== digest);
  for (const earlier of others) {
    const larger = Math.max(earlier.need, need);
    if (!laterSets.every((later) => differenceAllowed(earlier.set, later, larger))) return earlier.computation;
  }
  const exact = [...new Map(others.map(({ set }) => [JSON.stringify(set), set])).values()].filter(isExact);
  const largest = Math.max(need, ...others.map((one) => one.need));
  for (const [at, later] of laterSets.filter(isExact).entries()) {
    const beside = [...exact, ...laterSets.filter(isExact).slice(0, at)].map(({ pairs }) => pairs);
    // Two are compared above.
    if (
      beside.length > 1 &&
      !beside.some((pairs) => isSame(pairs, later.pairs)) &&
      tellsFew(beside, later.pairs, largest, groupOf)
    )
      return others.at(-1)!.computation;
  }
  return undefined;
}

const isExact = (set: ContributingSet): set is Extract<ContributingSet, { kind: "exact" }> => set.kind === "exact";

interface Released extends Pick<HistoryEntry, "computation" | "digest" | "need"> {
  readonly set: ContributingSet;
  /** The same text for the same set and need. */
  readonly name: string;
}

/**
 * By record key two releases of each set, of which one at most is the proposed release itself: a history grows with
 * every request, the sets in it hardly do. Lists are never changed and are shared: record keys that were always released
 * together, with the same contributors, have one, however many they are.
 */
interface Index {
  upTo: number;
  readonly byRecordKey: Map<string, readonly Released[]>;
  readonly groups: Map<string, string>;
}
const indices = new WeakMap<readonly HistoryEntry[], Index>();
const NONE: readonly Released[] = [];

/** Of a history that only ever grows at its end. */
function indexOf(history: readonly HistoryEntry[]): Index {
  const index = indices.get(history) ?? { upTo: 0, byRecordKey: new Map(), groups: new Map() };
  for (; index.upTo < history.length; index.upTo++) addTo(index, history[index.upTo]!);
  indices.set(history, index);
  return index;
}

function addTo(
  { byRecordKey, groups }: Index,
  { computation, digest, need, sets, cells, groups: named = {} }: HistoryEntry,
): void {
  for (const [member, group] of Object.entries(named)) groups.set(member, group);
  const releases = sets.map((set) => {
    const released: Released = { computation, digest, need, set, name: `${need} ${JSON.stringify(set)}` };
    return { released, longer: new Map<readonly Released[], readonly Released[]>() };
  });
  for (const { recordKey, set } of cells) {
    const known = byRecordKey.get(recordKey) ?? NONE;
    const { released, longer } = releases[set]!;
    const next = longer.get(known) ?? withOne(known, released);
    longer.set(known, next);
    if (next !== known) byRecordKey.set(recordKey, next);
  }
}

function withOne(known: readonly Released[], one: Released): readonly Released[] {
  const same = known.filter(({ name }) => name === one.name);
  const isKnown = same.some(({ computation, digest }) => computation === one.computation && digest === one.digest);
  return same.length >= 2 || isKnown ? known : [...known, one];
}
