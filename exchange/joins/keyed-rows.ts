/** The holder's side of a join as its own table gives it: each key once, the group it is in and the sums of its rows. */
import type { Asset } from "../../policies/model/asset.ts";
import { numericFieldOf, scaledInteger } from "../statistics/elements.ts";
import { StatisticsError } from "../statistics/errors.ts";
import type { Layout, Word } from "../statistics/layout.ts";
import type { RowBatch, Source } from "../statistics/source.ts";
import { compileKeyedSql } from "../statistics/sql.ts";

export interface KeyedRows {
  readonly keys: readonly string[];
  /** Atom of the layout that the key is in. */
  readonly groups: readonly number[];
  /** `columns[i][place]`: integers of the common form, of the i-th of `summedIn`. */
  readonly columns: readonly (readonly bigint[])[];
}

export type Moment = Extract<Word, { readonly kind: "moment" }>;

/** Components that are sums, by their place in the layout. */
export const summedIn = ({ components }: Layout): readonly (readonly [place: number, word: Moment])[] =>
  components.flatMap(({ word }, place) => (word.kind === "moment" ? [[place, word] as const] : []));

/** Throws StatisticsError: a key that is in two groups too, since it would be told apart by that. */
export async function keyedRows(
  layout: Layout,
  asset: Asset,
  element: string,
  read: Source["read"],
): Promise<KeyedRows> {
  const sums = summedIn(layout).map(([place, { factors }]) => ({
    name: `k${place}`,
    scale: numericFieldOf(asset, factors[0]!).scale,
  }));
  const keys: string[] = [];
  const groups: number[] = [];
  const columns = sums.map((): bigint[] => []);
  const seen = new Set<string>();
  const fail = (detail: string): never => {
    throw new StatisticsError("ERR_STATISTICS_SOURCE", element, detail);
  };
  function take({ columns: names, rows }: RowBatch): void {
    const places = new Map(names.map((name, at) => [name, at]));
    for (const cells of rows) {
      const cell = (name: string): string => cells[places.get(name) ?? -1] ?? fail(`${name}: not in the answer`);
      const key = cell("key");
      if (seen.has(key)) fail("a key is in two groups");
      seen.add(key);
      let atom = 0;
      for (const [at, { codes }] of layout.domains.entries()) {
        const digit = codes.indexOf(cell(`d${at}`));
        if (digit < 0) fail("a code is not in its table");
        atom = atom * codes.length + digit;
      }
      keys.push(key);
      groups.push(atom);
      for (const [at, { name, scale }] of sums.entries()) {
        columns[at]!.push(scaledInteger(cell(name), scale, "exact") ?? fail(`${name}: has too many digits`));
      }
    }
  }
  if (!(await read(compileKeyedSql(layout, asset, element), take))) fail("the engine does not read it as text");
  return { keys, groups, columns };
}
