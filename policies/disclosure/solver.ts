/** Linear programs as the disclosure rules pose them, and HiGHS (HiGHS.dev, compiled to WebAssembly) behind them. */
import * as highsPackage from "highs";

export interface Entry {
  readonly row: number;
  readonly value: number;
}
export interface Column {
  readonly entries: readonly Entry[];
  readonly lower: number;
  readonly upper: number;
  readonly cost: number;
  /** Whole numbers only. */
  readonly whole?: boolean;
}

/** Minimise cost·x where every row adds up to zero and every column keeps its bounds. */
export interface OpenProgram {
  /** New bounds of every column. */
  bound(lower: Float64Array, upper: Float64Array): void;
  /** New costs of every column. */
  price(costs: Float64Array): void;
  /** A vertex of least cost; undefined where no point keeps all bounds. Throws Error where the solver gives up. */
  solve(): Float64Array | undefined;
  close(): void;
}
export interface Solver {
  open(rows: number, columns: readonly Column[]): OpenProgram;
}

// The package's types are those of its CommonJS build, where the loader is a property of the default export.
const loadHighs = highsPackage.default as unknown as typeof highsPackage.default.default;

/** One thread, fixed seed, no clock: the same program gives the same point on every machine. */
export async function loadSolver(): Promise<Solver> {
  const highs = await loadHighs();
  const { modelStatus, variableType } = highs.constants;
  return Object.freeze({
    open(rows: number, columns: readonly Column[]): OpenProgram {
      const entries = columns.flatMap((column) => column.entries);
      const starts = new Int32Array(columns.length + 1);
      for (const [index, column] of columns.entries()) starts[index + 1] = starts[index]! + column.entries.length;
      const integrality = columns.map(({ whole }) => (whole === true ? variableType.integer : variableType.continuous));
      const model = highs.createModel({
        numCols: columns.length,
        numRows: rows,
        colCost: Float64Array.from(columns, ({ cost }) => cost),
        colLower: Float64Array.from(columns, ({ lower }) => lower),
        colUpper: Float64Array.from(columns, ({ upper }) => upper),
        rowLower: new Float64Array(rows),
        rowUpper: new Float64Array(rows),
        matrix: {
          format: "csc",
          numCols: columns.length,
          numRows: rows,
          starts,
          indices: Int32Array.from(entries, ({ row }) => row),
          values: Float64Array.from(entries, ({ value }) => value),
        },
        ...(columns.some(({ whole }) => whole === true) ? { integrality } : {}),
      });
      const all = { kind: "range", from: 0, to: columns.length - 1 } as const;
      model.options.set({ output_flag: false, random_seed: 0 });
      return {
        bound: (lower, upper) => void model.changeColsBounds(all, lower, upper),
        price: (costs) => void model.changeColsCost(all, costs),
        solve() {
          model.run();
          const status = model.getModelStatus();
          if (status === modelStatus.optimal) return Float64Array.from(model.getSolution().colValue);
          if (status === modelStatus.infeasible) return undefined;
          throw new Error(`linear program: the solver stopped with status ${status}`);
        },
        close: () => model.dispose(),
      };
    },
  });
}
