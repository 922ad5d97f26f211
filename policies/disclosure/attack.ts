/**
 * What attackers can work out about withheld cells. An attacker knows the table as published, that its sums hold, that
 * no cell is negative, how many contributors each cell has, and what it contributed itself. It bounds a withheld cell
 * by the least and the greatest value that all of this leaves (Hundepool et al., Handbook on Statistical Disclosure
 * Control, section 4.4). A cell is protected if, for every attacker, what others hold in it may be lower and higher by
 * the protection interval.
 *
 * Deviations from the true table are the variables: they add up to zero in every sum, are zero where a cell is
 * published, and never fall below minus what others hold. They are measured in the interval of the cell under attack,
 * so that the solver's tolerance (1e-7) is a share of that interval.
 */
import { type AttackProgram, openProgram } from "./attack-program.ts";
import {
  type AttackedTable,
  type Attacker,
  type Direction,
  knows,
  type Protection,
  PUBLIC,
  type Room,
  refutes,
  roomOf,
  targetsOf,
} from "./attackers.ts";
import type { Solver } from "./solver.ts";

export interface Exposure {
  readonly cell: number;
  readonly direction: Direction;
  readonly attacker: string;
  /** How far the cell may lie from its value, as a share of what is wanted. */
  readonly reached: number;
}

const WHOLE = 1 - 1e-6;
/** Deviations that are tried on the next cells before the solver is asked. */
const REMEMBERED = 64;

/** Every attack that succeeds; none: each cell of `withheld` is protected from each of `attackers` and the public. */
export function exposuresOf(
  table: AttackedTable,
  withheld: ReadonlySet<number>,
  attackers: readonly Attacker[],
  protection: Protection,
  solver: Solver,
): readonly Exposure[] {
  const audit = openAudit(table, attackers, protection, solver);
  try {
    return [...audit.exposures(withheld)];
  } finally {
    audit.close();
  }
}

export interface Audit {
  /**
   * Lazily, so that the first exposure may be enough. What is found out is kept for the next set of cells. Where more
   * than `patience` attackers would have to be tried one by one for a cell, the first of them is taken to succeed.
   */
  exposures(withheld: ReadonlySet<number>, patience?: number): Generator<Exposure>;
  close(): void;
}

/** A way in which the table may differ from the true one, as far as the published cells go. */
interface Deviation {
  /** Cell to its difference, where there is one. */
  readonly moved: ReadonlyMap<number, number>;
  /** Cell to the attackers, by position, that know that it does not differ so. */
  readonly refuters: ReadonlyMap<number, readonly number[]>;
}

/** Once `isLate` is, every attack that is not refuted by what is known already is taken to succeed. */
export function openAudit(
  table: AttackedTable,
  attackers: readonly Attacker[],
  protection: Protection,
  solver: Solver,
  isLate: () => boolean = () => false,
): Audit {
  const everyone = [PUBLIC, ...attackers];
  const jointRoom = roomOf(table, everyone);
  const holders = holdersOf(everyone);
  const found: Deviation[] = [];
  const proofs = new Map<string, readonly Deviation[]>();
  let program: AttackProgram | undefined;

  const keep = (moved: ReadonlyMap<number, number>): Deviation => {
    const refuters = new Map<number, readonly number[]>();
    for (const [cell, by] of moved) {
      const knowing = (holders.get(cell) ?? []).filter((index) => refutes(table, everyone[index]!, cell, by));
      if (knowing.length > 0) refuters.set(cell, knowing);
    }
    const deviation = { moved, refuters };
    found.unshift(deviation);
    if (found.length > REMEMBERED) found.pop();
    return deviation;
  };

  function* exposures(withheld: ReadonlySet<number>, patience = Number.POSITIVE_INFINITY): Generator<Exposure> {
    if (program === undefined || ![...withheld].every((cell) => program?.cells.has(cell))) {
      program?.close();
      program = openProgram(table, withheld, solver);
    }
    const { push } = program;
    const usable = ({ moved }: Deviation) => moved.keys().every((cell) => withheld.has(cell));
    for (const target of targetsOf(table, withheld, protection)) {
      const key = `${target.cell} ${target.direction}`;
      if (proofs.get(key)?.every(usable)) continue;
      const sign = target.direction === "above" ? 1 : -1;
      const reach = ({ moved }: Deviation) => (sign * (moved.get(target.cell) ?? 0)) / target.wanted;
      const proves = (one: Deviation) => reach(one) >= WHOLE && usable(one);
      // A deviation that nobody refutes is as good as another program.
      const known = found.find((one) => isIrrefutable(one, target.cell) && proves(one));
      if (known !== undefined) {
        proofs.set(key, [known]);
        continue;
      }
      if (isLate()) {
        yield { cell: target.cell, direction: target.direction, attacker: PUBLIC.id, reached: 0 };
        continue;
      }
      const proof: Deviation[] = [];
      /** Positions of those that the cell is not yet hidden from; undefined: everybody. */
      let open: readonly number[] | undefined;
      const close = (one: Deviation) => {
        const refuted = refutersOf(one, target.cell);
        const left = (open ?? [...refuted]).filter((index) => refuted.has(index));
        const fooled = open === undefined || left.length < open.length;
        open = left.filter((index) => !knows(everyone[index]!, target.cell, table.values[target.cell]!));
        if (fooled) proof.push(one);
      };
      const attempt = (room: Room): number => {
        const moved = push(target, sign, room, withheld);
        const reached = Math.abs(moved.get(target.cell) ?? 0) / target.wanted;
        if (reached >= WHOLE) close(keep(moved));
        return reached;
      };
      if (attempt(jointRoom) < WHOLE) {
        const reached = attempt(roomOf(table, [PUBLIC]));
        if (reached < WHOLE) {
          yield { cell: target.cell, direction: target.direction, attacker: PUBLIC.id, reached };
          continue;
        }
      }
      for (const one of found) if (open!.length > 0 && proves(one)) close(one);
      if (open!.length > patience) {
        yield { cell: target.cell, direction: target.direction, attacker: everyone[open![0]!]!.id, reached: 0 };
        continue;
      }
      let provedForAll = true;
      while (open!.length > 0) {
        const index = open![0]!;
        if (isLate()) {
          yield { cell: target.cell, direction: target.direction, attacker: everyone[index]!.id, reached: 0 };
          provedForAll = false;
          break;
        }
        const attacker = everyone[index]!;
        const reached = attempt(roomOf(table, [attacker]));
        open = open!.filter((other) => other !== index);
        if (reached >= WHOLE) continue;
        provedForAll = false;
        // Of what it holds itself it needs no deviation.
        const unknown = 1 - (attacker.holds.get(target.cell)?.atLeast ?? 0) / table.values[target.cell]!;
        if (reached >= unknown * WHOLE) continue;
        yield { cell: target.cell, direction: target.direction, attacker: attacker.id, reached };
      }
      if (provedForAll) proofs.set(key, proof);
    }
  }
  return { exposures, close: () => program?.close() };
}

function holdersOf(everyone: readonly Attacker[]): ReadonlyMap<number, readonly number[]> {
  const holders = new Map<number, number[]>();
  for (const [index, { holds }] of everyone.entries()) {
    for (const cell of holds.keys()) {
      const known = holders.get(cell);
      if (known === undefined) holders.set(cell, [index]);
      else known.push(index);
    }
  }
  return holders;
}

const isIrrefutable = ({ refuters }: Deviation, target: number): boolean =>
  refuters.size === 0 || (refuters.size === 1 && refuters.has(target));

const refutersOf = ({ refuters }: Deviation, target: number): ReadonlySet<number> =>
  new Set([...refuters].flatMap(([cell, knowing]) => (cell === target ? [] : knowing)));
