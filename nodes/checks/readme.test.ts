/** The commands that README shows are run as they stand: a network set up by hand computes a statistic and moves records. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const FILES = ["README.md", "README.zh-CN.md"];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sealane-readme-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Shell blocks between the markers that name the tutorial, in order. */
async function commandsOf(file: string): Promise<string> {
  const text = await readFile(join(root, file), "utf8");
  const part = /<!-- by-hand:begin -->([\s\S]*?)<!-- by-hand:end -->/.exec(text)?.[1] ?? "";
  return [...part.matchAll(/^```bash\n([\s\S]*?)^```/gm)].map((match) => match[1]).join("\n");
}

test("both languages show the same commands", async () => {
  const [english, chinese] = await Promise.all(FILES.map(commandsOf));
  const withoutComments = (text = ""): string => text.replace(/\s*#.*$/gm, "");
  expect(english).toContain("sealane network found");
  expect(withoutComments(chinese)).toBe(withoutComments(english));
});

test("every file and folder that README links to exists", async () => {
  for (const file of FILES) {
    const text = await readFile(join(root, file), "utf8");
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((match) => match[1] ?? "");
    expect(links.length).toBeGreaterThan(3);
    for (const link of links) await expect(readFile(join(root, link)), link).resolves.toBeDefined();
  }
});

test("a network set up by hand with README's commands computes a statistic that verifies, and moves records", async () => {
  // Ports of the text may be taken on this machine; everything else runs as written.
  const base = 2_000 + Math.floor(Math.random() * 9_000);
  const commands = (await commandsOf("README.md")).replace(/\b71(\d\d)\b/g, (_, port: string) =>
    String(base + Number(port)),
  );
  // The folder is removed afterwards: no node may still write to it.
  const script = `set -euo pipefail\ntrap 'kill $(jobs -p); wait' EXIT\ncd "${root}"\n${commands}`;
  const env = { PATH: process.env.PATH, HOME: folder, TMPDIR: folder };
  const { stdout } = await promised("bash", ["-c", script], env);
  expect(stdout).toMatch(/2025Q1\s+4349\.5/);
  expect(stdout).toMatch(/2025Q4\s+4616\.9/);
  expect(stdout).toContain("VERIFIED: every check passed");
  expect(stdout).toContain("Electricity used (electricity)");
  expect(stdout).toContain("quarter,tariff\r\n2025Q1,0.6512\r\n");
  expect(stdout).not.toContain("desk-");
  const lines = stdout.split("\n").filter((line) => /bureau:tariffs .*HttpData-/.test(line));
  expect(lines.map((line) => /HttpData-\w+ +(\S.*)$/.exec(line)?.[1])).toEqual(["completed", "completed"]);
});

function promised(program: string, args: readonly string[], env: Record<string, string | undefined>) {
  return new Promise<{ stdout: string }>((resolve, reject) => {
    execFile(program, args, { cwd: folder, env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout });
      else reject(new Error(`${error.message.slice(0, 200)}\n${stdout.slice(-3000)}\n${stderr.slice(-3000)}`));
    });
  });
}
