/** The solver behind rules about the largest contributors: a megabyte of WebAssembly, loaded by the first release that needs it. */
import { loadSolver, type Solver } from "../../policies/disclosure/solver.ts";

let loading: Promise<Solver> | undefined;

export function disclosureSolver(): Promise<Solver> {
  loading ??= loadSolver();
  return loading;
}
