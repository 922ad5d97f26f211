/** Checks that are other people's programs: their own output says what is wrong and where. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Check, Finding } from "./finding.ts";

const program =
  (name: string, args: readonly string[], summary: string): Check =>
  async (root) => {
    const { code, output } = await run(root, name, args);
    const findings: Finding[] = code === 0 ? [] : [{ where: name, what: output.trim() || `exit code ${code}` }];
    return { findings, summary };
  };

export const types = program("tsc", ["-p", "tsconfig.json", "--pretty", "false"], "tsc");
export const lintAndFormat = program("biome", ["check", "--colors=off", "--max-diagnostics=50", "."], "biome");
export const unusedExports = program("knip", ["--no-progress"], "knip");

function run(root: string, name: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(root, "node_modules", ".bin", name), args, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString("utf8") }));
  });
}
