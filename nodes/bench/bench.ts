/** What one benchmark is, and the report that `npm run bench -- NAME --json` prints. */

export interface Metric {
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  /** What design and issue ask for; `ok` follows from it. */
  readonly target?: { readonly atMost: number } | { readonly atLeast: number };
}

export interface BenchRun {
  /** What was measured on: sizes, counts, modes. */
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
  readonly results: readonly Metric[];
}

/** What the flag `--name NUMBER` sets. `tiny` shows only that the benchmark still runs; its figures mean nothing. */
export interface Size {
  readonly full: number;
  readonly tiny: number;
}

export interface BenchOptions<Name extends string = string> {
  readonly tiny: boolean;
  readonly sizes: Readonly<Record<Name, number>>;
  readonly note: (text: string) => void;
}

export interface Bench {
  readonly sizes: Readonly<Record<string, Size>>;
  run(options: {
    readonly tiny: boolean;
    readonly given?: Readonly<Record<string, number>>;
    note: BenchOptions["note"];
  }): Promise<BenchRun>;
}

/** A benchmark whose declared sizes are its flags. */
export const defineBench = <Name extends string>(
  sizes: Readonly<Record<Name, Size>>,
  run: (options: BenchOptions<Name>) => Promise<BenchRun>,
): Bench =>
  Object.freeze({
    sizes,
    run({ tiny, given = {}, note }) {
      const chosen = Object.entries<Size>(sizes).map(([name, size]) => [
        name,
        given[name] ?? (tiny ? size.tiny : size.full),
      ]);
      return run({ tiny, sizes: Object.fromEntries(chosen) as Record<Name, number>, note });
    },
  } satisfies Bench);

export interface Machine {
  readonly cpus: number;
  readonly model: string;
  readonly memoryGiB: number;
  readonly node: string;
}

export interface BenchReport {
  readonly bench: string;
  readonly commit: string;
  readonly machine: Machine;
  readonly parameters: BenchRun["parameters"];
  readonly results: readonly {
    readonly metric: string;
    readonly value: number;
    readonly unit: string;
    readonly target?: string;
    readonly ok?: boolean;
  }[];
}

export const reportOf = (bench: string, commit: string, machine: Machine, run: BenchRun): BenchReport => ({
  bench,
  commit,
  machine,
  parameters: run.parameters,
  results: run.results.map(({ target, ...result }) => {
    if (target === undefined) return result;
    return "atMost" in target
      ? { ...result, target: `<= ${target.atMost}`, ok: result.value <= target.atMost }
      : { ...result, target: `>= ${target.atLeast}`, ok: result.value >= target.atLeast };
  }),
});

/** The value below which the share `p` of the samples lies (nearest rank). */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)];
  if (value === undefined) throw new RangeError("samples: at least one is needed");
  return value;
}
