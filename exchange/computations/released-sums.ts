/**
 * What a receiver published or withheld, as later releases are checked against it: every sum once, however often it was
 * told, and only those that a release can be related to. A receiver keeps its results for ever; the sums in them hardly
 * grow.
 */
import { digestOf } from "../../crypto/suites/digest.ts";
import { type CodeTables, kindOf } from "./record-relations.ts";
import type { SumEquation } from "./release-check.ts";

/** The sums of one result, and the codes that its cohort had. */
export interface ResultSums {
  readonly equations: readonly SumEquation[];
  readonly codes?: CodeTables;
}

export interface ReleasedSums {
  add(result: ResultSums): void;
  /** Undoes one `add` of the same sums: the result was never told. */
  remove(result: ResultSums): void;
  /** Every sum, once, whose record may be related to one of these. Ids are unlike those of a present release. */
  like(records: Iterable<string>): readonly SumEquation[];
}

interface Told {
  readonly sum: SumEquation;
  /** Results that say it. */
  times: number;
}

export function createReleasedSums(): ReleasedSums {
  const byKind = new Map<string, Map<string, Told>>();

  const each = ({ equations, codes }: ResultSums, change: (kind: string, name: string, sum: SumEquation) => void) => {
    const under = codes === undefined ? {} : { codes };
    // Once for all: a table of many cells has as many codes, and written out in each of its sums they are its square.
    const table = codes === undefined ? null : digestOf(codes);
    for (const { record, contributors, counted, withheld, facts, rounded, steps } of equations) {
      const hidden = { ...(withheld === undefined ? {} : { withheld }), ...(counted === undefined ? {} : { counted }) };
      const id = `earlier/${digestOf({ record, contributors: [...contributors].sort(), ...hidden, table })}`;
      const known = {
        ...(facts === undefined ? {} : { facts }),
        ...(rounded === undefined ? {} : { rounded }),
        ...(steps === undefined ? {} : { steps }),
      };
      change(kindOf(record), id, { id, record, contributors, ...hidden, ...under, ...known });
    }
  };

  return Object.freeze({
    add(result: ResultSums) {
      each(result, (kind, name, sum) => {
        const sums = byKind.get(kind) ?? new Map<string, Told>();
        byKind.set(kind, sums);
        const told = sums.get(name);
        if (told === undefined) sums.set(name, { sum, times: 1 });
        else told.times += 1;
      });
    },
    remove(result: ResultSums) {
      each(result, (kind, name) => {
        const told = byKind.get(kind)?.get(name);
        if (told !== undefined && --told.times === 0) byKind.get(kind)?.delete(name);
      });
    },
    like(records: Iterable<string>) {
      const kinds = new Set([...records].map(kindOf));
      return [...kinds].flatMap((kind) => [...(byKind.get(kind)?.values() ?? [])].map(({ sum }) => sum));
    },
  });
}
