/** Opens a table in its own sandboxed DuckDB process. */
import type { Source } from "../../exchange/statistics/source.ts";
import type { SourceDescription } from "./description.ts";

export interface SourceOptions {
  /** Directory the node owns; transcoded copies (0600) and the engine's spill files live here. */
  readonly scratch: string;
  /** Default 512. */
  readonly memoryMiB?: number;
  /** Default 1. */
  readonly threads?: number;
  /** Default 120,000. */
  readonly timeoutMs?: number;
}

/** Throws SourceError naming the path, line or column; leaves no process and no file behind when it throws. */
export async function openSource(_description: SourceDescription, _options: SourceOptions): Promise<Source> {
  throw new Error("not yet");
}
