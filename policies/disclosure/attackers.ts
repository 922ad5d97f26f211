/** Who attacks a table, what each of them knows, and what has to stay unknown to them. */
import type { Relation } from "./shape.ts";

export interface AttackedTable {
  /** True values, none negative. */
  readonly values: readonly number[];
  readonly relations: readonly Relation[];
}

/** What one contributor holds in a cell: exactly where the two are equal, else between them. */
export interface Holding {
  readonly atLeast: number;
  readonly atMost: number;
}
export interface Attacker {
  readonly id: string;
  /** Cell to what it holds there. The public holds nothing. */
  readonly holds: ReadonlyMap<number, Holding>;
}
export const PUBLIC: Attacker = Object.freeze({ id: "public", holds: new Map() });

/** What an interval must cover around what others hold in a cell. */
export interface Protection {
  /** Share of it, 0.1 for 10 %. */
  readonly share: number;
  /** At least this upwards, for cells where the share is nothing. */
  readonly least: number;
}

export type Direction = "above" | "below";

export interface Target {
  readonly cell: number;
  readonly direction: Direction;
  /** Length of the protection interval on this side. */
  readonly wanted: number;
}

export function targetsOf(table: AttackedTable, cells: Iterable<number>, protection: Protection): readonly Target[] {
  return [...cells].flatMap((cell) => {
    const share = table.values[cell]! * protection.share;
    const above: Target = { cell, direction: "above", wanted: Math.max(share, protection.least) };
    return share > 0 ? [above, { cell, direction: "below", wanted: share } as const] : [above];
  });
}

/**
 * Whoever knows all of a cell needs no protection against itself. For everybody else the interval of the whole cell is
 * enough: shrunk towards the true table, a deviation shows what the smaller remainder needs. So an attacker that stands
 * for several says nothing of cells that only some of them know: for those there must be another.
 */
export const knows = ({ holds }: Attacker, cell: number, value: number): boolean =>
  (holds.get(cell)?.atLeast ?? -1) >= value;

/** Lower and upper bound of a cell's deviation when `attackers` must all be unable to tell. */
export type Room = (cell: number) => readonly [number, number];
export function roomOf(table: AttackedTable, attackers: readonly Attacker[]): Room {
  const held = new Map<number, Holding>();
  for (const { holds } of attackers) {
    for (const [cell, { atLeast, atMost }] of holds) {
      const before = held.get(cell);
      held.set(cell, {
        atLeast: Math.max(before?.atLeast ?? 0, atLeast),
        atMost: Math.max(before?.atMost ?? 0, atMost),
      });
    }
  }
  return (cell) => {
    const value = table.values[cell]!;
    const holding = held.get(cell);
    if (holding !== undefined && holding.atLeast >= value) return [0, 0];
    return [Math.min(0, (holding?.atMost ?? 0) - value), Number.POSITIVE_INFINITY];
  };
}

/** Amounts below this share of an interval are the solver's noise. */
export const NOTHING = 1e-7;

/** The attacker knows that the cell does not differ so. */
export function refutes(table: AttackedTable, { holds }: Attacker, cell: number, by: number): boolean {
  const { atLeast, atMost } = holds.get(cell)!;
  const value = table.values[cell]!;
  return atLeast >= value || by < -(value - atMost) * (1 + NOTHING);
}
