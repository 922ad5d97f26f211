/**
 * Complementary suppression: further cells are withheld until no attacker bounds any withheld cell more closely than
 * the protection interval. Each successful attack is answered by the cheapest deviation that defeats it (a linear
 * program, after Kelly, Golden and Assad 1992 and Castro 2012); at the end, cells that turn out not to be needed are
 * published again. The audit that decides is attack.ts, so a poor choice costs information, never protection.
 */
import { type Audit, type Exposure, openAudit } from "./attack.ts";
import { rowsOf } from "./attack-program.ts";
import { type AttackedTable, type Attacker, type Protection, PUBLIC, roomOf, targetsOf } from "./attackers.ts";
import type { Column, Solver } from "./solver.ts";

export interface SuppressionInput {
  readonly table: AttackedTable;
  /** Withheld by their own contents. */
  readonly primary: ReadonlySet<number>;
  /** Cells that cannot be withheld: empty for everybody to see, or published before. */
  readonly fixed: ReadonlySet<number>;
  readonly attackers: readonly Attacker[];
  readonly protection: Protection;
  /** Once it is, nothing more is tried: what is proven by then holds, and all else is as if nothing helped. */
  readonly isLate?: () => boolean;
}
export type SuppressionResult =
  | {
      readonly kind: "protected";
      /** Ascending; primary ones included. */
      readonly withheld: readonly number[];
      readonly complementary: readonly number[];
      readonly lost: InformationLoss;
    }
  /** No choice of further cells protects these, or none was found in time: the whole table is withheld. */
  | { readonly kind: "impossible"; readonly cells: readonly number[] };

export interface InformationLoss {
  readonly cells: number;
  readonly withheld: number;
  readonly complementary: number;
  /** Share of Σ log₂(1 + value) over all cells that lies in complementary ones. */
  readonly complementaryShare: number;
}

/** Enough for any table: every round but the last withholds at least one cell more. */
export function suppress(input: SuppressionInput, solver: Solver): SuppressionResult {
  const { table, primary, fixed, attackers, protection, isLate = () => false } = input;
  // What everybody sees cannot be withheld, and an audit would count it as hidden.
  const shown = [...primary].filter((cell) => fixed.has(cell));
  if (shown.length > 0) return { kind: "impossible", cells: shown };
  const withheld = new Set(primary);
  /** Of a complementary cell: the one whose attack it was to answer. */
  const because = new Map<number, number>();
  const repair = openRepair(input, solver);
  const audit = openAudit(table, attackers, protection, solver, isLate);
  try {
    for (let isAnswered = false; ; isAnswered = false) {
      const exposed = new Set<number>();
      const impossible = new Set<number>();
      for (const exposure of audit.exposures(new Set(withheld))) {
        exposed.add(exposure.cell);
        if (isLate()) return { kind: "impossible", cells: [...exposed] };
        const by = attackers.find(({ id }) => id === exposure.attacker) ?? PUBLIC;
        const cells = repair.answer(exposure, by, withheld);
        if (cells === undefined) impossible.add(exposure.cell);
        else if (cells.length > 0) isAnswered = true;
        for (const cell of cells ?? []) {
          withheld.add(cell);
          because.set(cell, exposure.cell);
        }
        // An answer mostly serves further attacks, and asking the audit again is cheaper than answering those.
        if (isAnswered && impossible.size === 0) break;
      }
      if (impossible.size > 0) return { kind: "impossible", cells: [...impossible] };
      if (exposed.size === 0) break;
      // An answer that withholds nothing more is no answer.
      if (!isAnswered) return { kind: "impossible", cells: [...exposed] };
    }
    publishNeedless(input, { withheld, because }, audit, solver);
  } finally {
    audit.close();
    repair.close();
  }
  const complementary = [...withheld].filter((cell) => !primary.has(cell)).sort((a, b) => a - b);
  const weigh = (cells: Iterable<number>) =>
    [...cells].reduce((sum, cell) => sum + Math.log2(1 + table.values[cell]!), 0);
  const everything = weigh(table.values.keys());
  return {
    kind: "protected",
    withheld: [...withheld].sort((a, b) => a - b),
    complementary,
    lost: {
      cells: table.values.length - fixed.size,
      withheld: withheld.size,
      complementary: complementary.length,
      complementaryShare: everything === 0 ? 0 : weigh(complementary) / everything,
    },
  };
}

/** Cost of withholding a cell: large ones tell more, but not in proportion. */
const weightOf = (value: number): number => Math.log2(2 + value);
/** A cell that so many attackers must be kept from one by one stays withheld: finding out costs more than it gives. */
const PATIENCE = 4;
/** Amounts below this share of an interval are the solver's noise. */
const NOISE = 1e-7;
const REACH = 8;

function openRepair({ table, fixed, protection }: SuppressionInput, solver: Solver) {
  const cells = [...table.values.keys()].filter((cell) => !fixed.has(cell));
  const position = new Map(cells.map((cell, index) => [cell, index]));
  const { rows, entries } = rowsOf(table, cells);
  // Upwards and downwards apart, so that either costs.
  const columns: Column[] = [1, -1].flatMap((sign) =>
    cells.map((cell) => ({
      entries: (entries.get(cell) ?? []).map(({ row, value }) => ({ row, value: sign * value })),
      lower: 0,
      upper: 0,
      cost: 0,
    })),
  );
  const program = columns.length === 0 ? undefined : solver.open(rows, columns);
  const wantedOf = new Map(
    targetsOf(table, cells, protection).map(({ cell, direction, wanted }) => [`${cell} ${direction}`, wanted]),
  );
  return {
    /** The cells to withhold so that this attack fails; undefined: there are none. */
    answer(exposure: Exposure, attacker: Attacker, withheld: ReadonlySet<number>): readonly number[] | undefined {
      const { cell: target, direction } = exposure;
      const wanted = wantedOf.get(`${target} ${direction}`);
      if (program === undefined || wanted === undefined) return undefined;
      const room = roomOf(table, [attacker]);
      const upper = new Float64Array(columns.length);
      const lower = new Float64Array(columns.length);
      const costs = new Float64Array(columns.length);
      for (const [at, cell] of cells.entries()) {
        const [least, most] = room(cell);
        upper[at] = Math.min(most / wanted, REACH);
        upper[cells.length + at] = Math.min(-least / wanted, REACH);
        const cost = withheld.has(cell) ? 0 : weightOf(table.values[cell]!);
        costs[at] = cost;
        costs[cells.length + at] = cost;
      }
      const at = position.get(target)!;
      const [up, down] = direction === "above" ? [1, 0] : [0, 1];
      lower[at] = upper[at] = up;
      lower[cells.length + at] = upper[cells.length + at] = down;
      program.bound(lower, upper);
      program.price(costs);
      const solution = program.solve();
      if (solution === undefined) return undefined;
      return cells.filter(
        (cell, index) => !withheld.has(cell) && Math.abs(solution[index]! - solution[cells.length + index]!) > NOISE,
      );
    },
    close: () => program?.close(),
  };
}

/**
 * From the largest to the smallest: what can be published without any attack succeeding is. Most cells are given away
 * to the public already, which is a single program for each target.
 */
function publishNeedless(
  { table, primary, protection, isLate = () => false }: SuppressionInput,
  { withheld, because }: { readonly withheld: Set<number>; readonly because: ReadonlyMap<number, number> },
  audit: Audit,
  solver: Solver,
) {
  const bySize = [...withheld]
    .filter((cell) => !primary.has(cell))
    .sort((a, b) => table.values[b]! - table.values[a]! || a - b);
  const publicAudit = openAudit(table, [], protection, solver, isLate);
  const exposes = ({ exposures }: Audit, cells: ReadonlySet<number>) => exposures(cells, PATIENCE).next().done !== true;
  try {
    for (const cell of bySize) {
      if (isLate()) return;
      withheld.delete(cell);
      // Mostly it is needed, and by the attack that it was to answer: that one is tried first.
      const first = because.get(cell)!;
      const cells = withheld.has(first) ? new Set([first, ...withheld]) : withheld;
      if (exposes(publicAudit, cells) || exposes(audit, cells)) withheld.add(cell);
    }
  } finally {
    publicAudit.close();
  }
}
