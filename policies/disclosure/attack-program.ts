/** The linear program of an attack: how far a cell may lie from its value, given what is published and known. */
import { type AttackedTable, NOTHING, type Room, type Target } from "./attackers.ts";
import type { Column, OpenProgram, Solver } from "./solver.ts";

/** No deviation need exceed this many intervals; a lower bound makes attackers look stronger, never weaker. */
const REACH = 8;

export type AttackProgram = ReturnType<typeof openProgram>;

/** Program over the deviations of `withheld`; everything else is published and stays where it is. */
export function openProgram(table: AttackedTable, withheld: ReadonlySet<number>, solver: Solver) {
  const cells = [...withheld].sort((a, b) => a - b);
  const position = new Map(cells.map((cell, index) => [cell, index]));
  const { rows, entries } = rowsOf(table, cells);
  const columns: Column[] = cells.map((cell) => ({ entries: entries.get(cell) ?? [], lower: 0, upper: 0, cost: 0 }));
  const program: OpenProgram | undefined = columns.length === 0 ? undefined : solver.open(rows, columns);
  return {
    cells: new Set(cells),
    /** The cell pushed as far as its interval, or as far as it goes, where only `free` cells may move. */
    push(target: Target, sign: 1 | -1, room: Room, free: ReadonlySet<number>): ReadonlyMap<number, number> {
      const lower = new Float64Array(cells.length);
      const upper = new Float64Array(cells.length);
      for (const [at, cell] of cells.entries()) {
        if (!free.has(cell)) continue;
        const [least, most] = room(cell);
        lower[at] = Math.max(least / target.wanted, -REACH);
        upper[at] = Math.min(most / target.wanted, REACH);
      }
      const at = position.get(target.cell)!;
      lower[at] = sign < 0 ? -1 : 0;
      upper[at] = sign < 0 ? 0 : 1;
      const costs = new Float64Array(cells.length);
      costs[at] = -sign;
      program!.bound(lower, upper);
      program!.price(costs);
      const moved = new Map<number, number>();
      for (const [index, share] of program!.solve()?.entries() ?? []) {
        if (Math.abs(share) > NOTHING) moved.set(cells[index]!, share * target.wanted);
      }
      return moved;
    },
    close: () => program?.close(),
  };
}

/** The sums in which any of the cells occurs, numbered, as entries of each cell's column. */
export function rowsOf({ relations }: AttackedTable, cells: Iterable<number>) {
  const wanted = new Set(cells);
  const entries = new Map<number, { readonly row: number; readonly value: number }[]>();
  let rows = 0;
  for (const { total, parts } of relations) {
    if (!wanted.has(total) && !parts.some((part) => wanted.has(part))) continue;
    const add = (cell: number, value: number) => {
      if (wanted.has(cell)) entries.set(cell, [...(entries.get(cell) ?? []), { row: rows, value }]);
    };
    add(total, -1);
    for (const part of parts) add(part, 1);
    rows++;
  }
  return { rows, entries };
}
