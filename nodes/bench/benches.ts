/** Every benchmark by its name. */
import type { Bench } from "./bench.ts";

export const BENCHES: Readonly<Record<string, Bench>> = {};
