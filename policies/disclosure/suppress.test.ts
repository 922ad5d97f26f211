import { beforeAll, describe, expect, test } from "vitest";
import {
  attackersOf,
  PROTECTION,
  RULES,
  randomTable,
  releaseOf,
  seededRandom,
  sparseTable,
  violationsIn,
  violationsInRounded,
} from "./_random-tables.ts";
import { exposuresOf } from "./attack.ts";
import type { Attacker } from "./attackers.ts";
import { largestContributors } from "./largest-contributors.ts";
import { addUp, flatAxis, shapeOf } from "./shape.ts";
import { loadSolver, type Solver } from "./solver.ts";
import { suppress } from "./suppress.ts";

let solver: Solver;
beforeAll(async () => {
  solver = await loadSolver();
});

const nobody: readonly Attacker[] = [];
/** Rows by columns of inner values, with margins. */
function grid(values: readonly (readonly number[])[]) {
  const rows = values.map((_, index) => `r${index}`);
  const columns = values[0]!.map((_, index) => `c${index}`);
  const shape = shapeOf([flatAxis("row", rows), flatAxis("column", columns)]);
  const at = (row: string, column: string) => shape.cells.findIndex(([r, c]) => r === row && c === column);
  return { table: { values: addUp(shape, values.flat()), relations: shape.relations }, at };
}
const holding = (id: string, ...cells: readonly (readonly [number, number])[]): Attacker => ({
  id,
  holds: new Map(cells.map(([cell, value]) => [cell, { atLeast: value, atMost: value }])),
});

describe("what attackers work out", () => {
  test("one cell withheld in a row is the margin minus the others", () => {
    const { table, at } = grid([
      [20, 50, 10],
      [8, 19, 22],
      [17, 32, 12],
    ]);
    const cell = at("r1", "c1");
    const exposures = exposuresOf(table, new Set([cell]), nobody, PROTECTION, solver);
    expect(exposures.map(({ direction, reached }) => [direction, reached])).toEqual([
      ["above", 0],
      ["below", 0],
    ]);
  });

  /** A pattern of our own whose cells are hidden exactly and still bounded tightly. */
  test("a rectangle with a small corner does not protect a large one from below", () => {
    const { table, at } = grid([
      [1000, 3, 500],
      [4, 900, 500],
      [500, 500, 500],
    ]);
    const corners = new Set([at("r0", "c0"), at("r0", "c1"), at("r1", "c0"), at("r1", "c1")]);
    const exposed = exposuresOf(table, corners, nobody, PROTECTION, solver);
    // The large cells can rise by 3 of the 100 that 10 % ask for, and fall by all they have in common.
    expect(exposed.map(({ cell, direction }) => [cell, direction])).toEqual([
      [at("r0", "c0"), "above"],
      [at("r1", "c1"), "above"],
    ]);
    expect(exposed[0]!.reached).toBeCloseTo(3 / 100, 6);
  });

  test("the singleton problem: who is alone in one of two withheld cells works out the other", () => {
    const { table, at } = grid([
      [40, 60, 80],
      [50, 70, 90],
    ]);
    const withheld = new Set([at("r0", "c0"), at("r0", "c1"), at("r1", "c0"), at("r1", "c1")]);
    expect(exposuresOf(table, withheld, nobody, PROTECTION, solver)).toEqual([]);
    const alone = holding("alone", [at("r0", "c0"), 40], [at("r0", "total"), 40], [at("total", "c0"), 40]);
    const exposed = exposuresOf(table, withheld, [alone], PROTECTION, solver);
    expect(new Set(exposed.map(({ attacker }) => attacker))).toEqual(new Set(["alone"]));
    expect(exposed.map(({ cell, direction }) => [cell, direction])).toEqual(
      [at("r0", "c1"), at("r1", "c0"), at("r1", "c1")].flatMap((cell) => [
        [cell, "above"],
        [cell, "below"],
      ]),
    );
  });

  test("what an attacker holds in a cell is no protection for the others in it", () => {
    const { table, at } = grid([
      [100, 100, 500],
      [100, 100, 500],
    ]);
    const withheld = new Set([at("r0", "c0"), at("r0", "c1"), at("r1", "c0"), at("r1", "c1")]);
    const large = (share: number) => [holding("large", [at("r0", "c1"), share])];
    // To raise its neighbour by 10, the others in r0/c1 must be able to have 10 less.
    expect(exposuresOf(table, withheld, large(90), PROTECTION, solver)).toEqual([]);
    expect(exposuresOf(table, withheld, large(91), PROTECTION, solver).map(({ cell }) => cell)).toEqual([
      at("r0", "c0"),
      at("r1", "c0"),
      at("r1", "c1"),
    ]);
  });

  test("a withheld zero must be able to be something", () => {
    const { table, at } = grid([
      [0, 60, 80],
      [50, 70, 90],
    ]);
    expect(exposuresOf(table, new Set([at("r0", "c0")]), nobody, PROTECTION, solver)).toHaveLength(1);
    const withheld = new Set([at("r0", "c0"), at("r0", "c1"), at("r1", "c0"), at("r1", "c1")]);
    const exposed = exposuresOf(table, withheld, nobody, PROTECTION, solver).map(({ cell }) => cell);
    expect(exposed).not.toContain(at("r0", "c0"));
    // It can only rise, so its neighbours can only fall.
    expect(exposed).toEqual([at("r0", "c1"), at("r1", "c0"), at("r1", "c1")]);
  });
});

describe("suppression", () => {
  test("the cheapest rectangle around one cell, and how much it costs", () => {
    const { table, at } = grid([
      [1000, 3000, 5000, 20],
      [2000, 100, 90, 4000],
      [3000, 110, 80, 6000],
    ]);
    const primary = new Set([at("r1", "c1")]);
    const result = suppress({ table, primary, fixed: new Set(), attackers: nobody, protection: PROTECTION }, solver);
    expect(result).toMatchObject({
      kind: "protected",
      withheld: [at("r1", "c1"), at("r1", "c2"), at("r2", "c1"), at("r2", "c2")],
      complementary: [at("r1", "c2"), at("r2", "c1"), at("r2", "c2")],
      lost: { cells: 20, withheld: 4, complementary: 3 },
    });
  });
  test("nothing withheld, nothing lost", () => {
    const { table } = grid([[1, 2]]);
    const result = suppress(
      { table, primary: new Set(), fixed: new Set(), attackers: nobody, protection: PROTECTION },
      solver,
    );
    expect(result).toMatchObject({ kind: "protected", withheld: [], lost: { complementaryShare: 0 } });
  });
  test("where everything else is public already, the table is withheld", () => {
    const { table, at } = grid([[10, 20]]);
    const cell = at("r0", "c0");
    const fixed = new Set([...table.values.keys()].filter((one) => one !== cell));
    const result = suppress(
      { table, primary: new Set([cell]), fixed, attackers: nobody, protection: PROTECTION },
      solver,
    );
    expect(result).toEqual({ kind: "impossible", cells: [cell] });
  });
  test("what everybody sees already is not said to be protected", () => {
    const { table, at } = grid([
      [40, 60],
      [50, 70],
    ]);
    const all = ["r0", "r1"].flatMap((row) => ["c0", "c1"].map((column) => at(row, column)));
    const input = { table, primary: new Set(all), attackers: nobody, protection: PROTECTION };
    expect(suppress({ ...input, fixed: new Set() }, solver).kind).toBe("protected");
    const fixed = new Set([at("r1", "c1")]);
    expect(suppress({ ...input, fixed }, solver)).toEqual({ kind: "impossible", cells: [at("r1", "c1")] });
  });
  test("whenever time runs out, what is proven by then holds and all else is withheld", () => {
    const { table, at } = grid([
      [1000, 3000, 5000, 20],
      [2000, 100, 90, 4000],
      [3000, 110, 80, 6000],
    ]);
    const primary = new Set([at("r1", "c1"), at("r0", "c3")]);
    const input = { table, primary, fixed: new Set<number>(), attackers: nobody, protection: PROTECTION };
    const kinds = new Set<string>();
    for (let looks = 0; looks < 120; looks += 4) {
      let looked = 0;
      const result = suppress({ ...input, isLate: () => ++looked > looks }, solver);
      kinds.add(result.kind);
      if (result.kind === "impossible") continue;
      expect(exposuresOf(table, new Set(result.withheld), nobody, PROTECTION, solver)).toEqual([]);
    }
    expect([...kinds].sort()).toEqual(["impossible", "protected"]);
    let late = 0;
    expect(suppress({ ...input, isLate: () => ++late > 0 }, solver).kind).toBe("impossible");
    // Looked at in the middle of a table, not only before it.
    expect(late).toBeLessThan(20);
  });
  test("the same table gives the same cells", () => {
    const of = () => [...(releaseOf(randomTable(seededRandom(11)), solver) ?? [])];
    expect(of()).toEqual(of());
  });
});

describe("an attacker of its own making", () => {
  const TABLES = 20;
  const tables = (seed: number) =>
    Array.from({ length: TABLES }, (_, index) => randomTable(seededRandom(seed + index)));

  test("finds nothing in what is released, exact or rounded", () => {
    let withheldCells = 0;
    let whole = 0;
    for (const table of tables(1)) {
      const withheld = releaseOf(table, solver);
      if (withheld === undefined) {
        whole++;
        continue;
      }
      withheldCells += withheld.size;
      expect(violationsIn(table, withheld)).toEqual([]);
      expect(violationsIn(table, withheld, 2.5)).toEqual([]);
    }
    expect(withheldCells).toBeGreaterThan(TABLES);
    expect(whole).toBeLessThan(TABLES / 4);
  });

  const broken = (release: (table: ReturnType<typeof randomTable>) => ReadonlySet<number> | undefined) =>
    tables(1000).filter((table) => violationsIn(table, release(table) ?? new Set()).length > 0).length;

  test("finds something when nothing is withheld for the sake of others", () => {
    expect(broken((table) => releaseOf(table, solver, { complementary: false }))).toBeGreaterThan(2);
  });
  const sparseTables = (count: number) =>
    Array.from({ length: count }, (_, index) => sparseTable(seededRandom(5000 + index)));

  test("finds nothing in what is rounded together, base known", () => {
    let attacked = 0;
    for (const table of [...tables(1), ...sparseTables(50)]) {
      const withheld = releaseOf(table, solver);
      if (withheld === undefined || withheld.size === 0) continue;
      attacked++;
      expect(violationsInRounded(table, withheld, 5, solver)).toEqual([]);
    }
    expect(attacked).toBeGreaterThan(25);
  });
  test("finds something in what is rounded together when nothing is withheld for the sake of others", () => {
    const found = sparseTables(30).filter((table) => {
      const withheld = releaseOf(table, solver, { complementary: false }) ?? new Set<number>();
      return violationsInRounded(table, withheld, 5, solver).length > 0;
    });
    expect(found.length).toBeGreaterThan(0);
  });
  test("finds something when only the public is defended against", () => {
    expect(broken((table) => releaseOf(table, solver, { attackers: [] }))).toBeGreaterThan(0);
  });
  test("finds something when cells are not checked for concentration", () => {
    const rules = { ...RULES, concentration: [] };
    expect(broken((table) => releaseOf(table, solver, { rules }))).toBeGreaterThan(0);
  });
  test("finds something when single contributors are not withheld", () => {
    const rules = { ...RULES, concentration: [], minimumOrganisations: 1 };
    expect(broken((table) => releaseOf(table, solver, { rules }))).toBeGreaterThan(2);
  });
  /** Each contributor in any of the cells, many cells of one: who is alone in one must not read another. */
  const sparse = Array.from({ length: 30 }, (_, index) => sparseTable(seededRandom(3000 + index)));
  const minimum = { ...RULES, concentration: [] };
  test("finds nothing where the receiver knows sums only and any cell may be anybody's", () => {
    let released = 0;
    for (const table of sparse) {
      const attackers = largestContributors(table.shape, table.facts, "any-cell");
      const withheld = releaseOf(table, solver, { rules: minimum, attackers });
      if (withheld === undefined) continue;
      released++;
      expect(violationsIn(table, withheld).filter(({ what }) => what === "withheld")).toEqual([]);
    }
    expect(released).toBeGreaterThan(5);
  });
  test("finds something when one attacker stands for everybody who is alone in a cell", () => {
    const found = sparse.filter((table) => {
      const attackers = largestContributors(table.shape, table.facts, "any-cell").slice(0, 1);
      const withheld = releaseOf(table, solver, { rules: minimum, attackers }) ?? new Set();
      return violationsIn(table, withheld).some(({ what }) => what === "withheld");
    });
    expect(found.length).toBeGreaterThan(0);
  });
  test("knows what attackers know: each contributor its own values", () => {
    const table = randomTable(seededRandom(3));
    expect(attackersOf(table)).toHaveLength(table.own.length);
  });
});
