/** Releases as sparse integer vectors, with contributors that no equation tells apart folded into one. */
import type { Vector } from "./echelon.ts";

/** An unknown: what one contributor put into one record key (statistic word + record-level predicate). */
export interface Term {
  /** Organisation, or the id of a set of organisations that is only known by its size (counted mode). */
  readonly contributor: string;
  readonly record: string;
  readonly coefficient: bigint;
}
export interface Equation {
  readonly id: string;
  readonly terms: readonly Term[];
}

/** What holds between the record keys of every organisation by definition: Σ coefficient × value = 0. */
export type Relation = readonly { readonly record: string; readonly coefficient: bigint }[];

/** Contributors with equal coefficients in some equations. */
export interface Fold {
  readonly members: readonly string[];
  /** Organisations by holding group: whoever knows of one affiliate knows of all. */
  readonly groups: ReadonlyMap<string, number>;
  /** Columns of its unknowns. */
  readonly columns: ReadonlySet<number>;
}

export interface Vectors {
  of(equation: Equation): Vector;
  /** The relations, once per class. */
  readonly relations: readonly Vector[];
  /** Distinct organisations of an equation, sets counted by their size. */
  organisations(equation: Equation): number;
  /** Contributors alike in everything that is or may be published: only whole groups are ever told apart. */
  readonly groups: readonly Fold[];
  /** Contributors alike in the hidden equations too: one column per record each. */
  readonly classes: readonly Fold[];
}

type Amounts = ReadonlyMap<string, ReadonlyMap<string, bigint>>;

export interface Contributors {
  /** Organisations a contributor id stands for; absent: 1. */
  readonly sizes?: Readonly<Record<string, number>>;
  /** The holding group of a contributor; absent: its own. Affiliates count as one organisation. */
  readonly groups?: Readonly<Record<string, string>>;
}

export function vectorsOf(
  published: readonly Equation[],
  hidden: readonly Equation[],
  { sizes = {}, groups = {} }: Contributors,
  relations: readonly Relation[] = [],
): Vectors {
  const groupOf = (contributor: string) => (Object.hasOwn(groups, contributor) ? groups[contributor]! : contributor);
  const size = (contributor: string): number => (Object.hasOwn(sizes, contributor) ? (sizes[contributor] ?? 1) : 1);
  const amounts = new Map([...published, ...hidden].map((equation) => [equation, collect(equation)]));
  const outer = patterns(published, amounts);
  const inner = patterns(hidden, amounts);
  const everyone = [...new Set([...outer.keys(), ...inner.keys()])];
  const classMembers = fold(everyone, (one) => `${outer.get(one) ?? ""}|${inner.get(one) ?? ""}`);
  const groupMembers = fold([...outer.keys()], (one) => outer.get(one) ?? "");

  const classOf = new Map(classMembers.flatMap((members, index) => members.map((member) => [member, index] as const)));
  const columns: Map<string, number>[] = classMembers.map(() => new Map());
  let width = 0;
  const column = (index: number, record: string): number => {
    const known = columns[index]?.get(record);
    if (known !== undefined) return known;
    columns[index]?.set(record, width);
    return width++;
  };
  const vectors = new Map<Equation, Vector>();
  for (const [equation, byContributor] of amounts) {
    const vector = new Map<number, bigint>();
    for (const [contributor, records] of byContributor) {
      const index = classOf.get(contributor);
      if (index === undefined || classMembers[index]?.[0] !== contributor) continue;
      for (const [record, amount] of records) vector.set(column(index, record), amount);
    }
    vectors.set(equation, vector);
  }
  const related = classMembers.flatMap((_, index) =>
    relations.map((relation) => {
      const vector = new Map<number, bigint>();
      for (const { record, coefficient } of relation) {
        const at = column(index, record);
        vector.set(at, (vector.get(at) ?? 0n) + coefficient);
      }
      return new Map([...vector].filter(([, amount]) => amount !== 0n));
    }),
  );
  const folded = (members: readonly string[]): Fold => ({
    members,
    groups: new Map(members.map((member) => [groupOf(member), size(member)])),
    columns: new Set(members.flatMap((member) => [...(columns[classOf.get(member) ?? -1]?.values() ?? [])])),
  });
  return {
    of: (equation) => vectors.get(equation) ?? new Map(),
    relations: related,
    organisations: (equation) =>
      [...(amounts.get(equation)?.keys() ?? [])].reduce((total, one) => total + size(one), 0),
    groups: groupMembers.map(folded),
    classes: classMembers.map(folded),
  };
}

/** Contributor -> record -> coefficient, terms of one unknown added up, zeros left out. */
function collect({ terms }: Equation): Amounts {
  const amounts = new Map<string, Map<string, bigint>>();
  for (const { contributor, record, coefficient } of terms) {
    const records = amounts.get(contributor) ?? new Map<string, bigint>();
    const sum = (records.get(record) ?? 0n) + coefficient;
    if (sum === 0n) records.delete(record);
    else records.set(record, sum);
    amounts.set(contributor, records);
  }
  for (const [contributor, records] of amounts) if (records.size === 0) amounts.delete(contributor);
  return amounts;
}

/** One text per contributor; equal where all equations treat two contributors alike. */
function patterns(equations: readonly Equation[], amounts: ReadonlyMap<Equation, Amounts>): Map<string, string> {
  const result = new Map<string, string>();
  equations.forEach((equation, position) => {
    for (const [contributor, records] of amounts.get(equation) ?? []) {
      const text = JSON.stringify([position, ...[...records].map(([r, n]) => `${n} ${r}`).sort()]);
      result.set(contributor, (result.get(contributor) ?? "") + text);
    }
  });
  return result;
}

function fold(names: readonly string[], keyOf: (name: string) => string): string[][] {
  const byKey = new Map<string, string[]>();
  for (const name of names) {
    const key = keyOf(name);
    const members = byKey.get(key);
    if (members === undefined) byKey.set(key, [name]);
    else members.push(name);
  }
  return [...byKey.values()];
}
