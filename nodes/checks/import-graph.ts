/** The relative-import graph, type imports included. Biome formats the sources, so statements start their line. */
import { posix } from "node:path";
import { lineOf } from "./finding.ts";

export interface Import {
  readonly specifier: string;
  /** Repository path the specifier points at; undefined for packages and built-in modules. */
  readonly target: string | undefined;
  readonly line: number;
}

const STATEMENT = /^(?:import|export)\s(?:[^;"'`]*?\sfrom\s*)?["']([^"']+)["']/gm;
const EXPRESSION = /\bimport\(\s*["']([^"']+)["']/g;
const BLOCK_COMMENT = /^[ \t]*\/\*[\s\S]*?\*\//gm;
const LINE_COMMENT = /^[ \t]*\/\/.*$/gm;

const blank = (text: string): string => text.replace(/[^\n]/g, " ");

export function importsOf(path: string, source: string): readonly Import[] {
  const text = source.replace(BLOCK_COMMENT, blank).replace(LINE_COMMENT, blank);
  return [...text.matchAll(STATEMENT), ...text.matchAll(EXPRESSION)].map((match) => {
    const specifier = match[1] ?? "";
    const relative = specifier.startsWith(".");
    return {
      specifier,
      target: relative ? posix.join(posix.dirname(path), specifier) : undefined,
      line: lineOf(text, match.index),
    };
  });
}

/** Strongly connected groups of more than one file, and files that import themselves (Tarjan 1972). */
export function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const order = new Map<string, number>();
  const stack: string[] = [];
  const cycles: string[][] = [];

  const visit = (file: string): number => {
    const index = order.size;
    let lowest = index;
    order.set(file, index);
    stack.push(file);
    for (const next of graph.get(file) ?? []) {
      if (!graph.has(next)) continue;
      if (!order.has(next)) lowest = Math.min(lowest, visit(next));
      else if (stack.includes(next)) lowest = Math.min(lowest, order.get(next) ?? index);
    }
    if (lowest === index) {
      const group = stack.splice(stack.indexOf(file));
      if (group.length > 1 || (graph.get(file) ?? []).includes(file)) cycles.push(group.sort());
    }
    return lowest;
  };

  for (const file of graph.keys()) if (!order.has(file)) visit(file);
  return cycles;
}
