import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);
const shim = fileURLToPath(new URL("../../bin/sealane.js", import.meta.url));
const pretending = (version: string): readonly string[] => [
  "-e",
  `Object.defineProperty(process, "version", { value: "${version}" }); require(${JSON.stringify(shim)})`,
];

test.each(["v0.10.48", "v20.19.0", "v24.20.9"])(
  "on Node %s the command says in both languages what to do",
  async (version) => {
    const failure = await run(process.execPath, [...pretending(version)]).catch((error) => error);
    expect(failure).toMatchObject({ code: 2, stdout: "" });
    expect(failure.stderr).toContain(`this is Node.js ${version}; Sealane needs 24.21.0 or newer`);
    expect(failure.stderr).toContain("npm install node@24");
    expect(failure.stderr).toMatch(/需要 24\.21\.0 或更高版本/);
  },
);

test("the shim has no syntax that an old Node cannot read", async () => {
  const code = (await readFile(shim, "utf8")).replace(/\/\/.*$/gm, "");
  expect(code).not.toMatch(/=>|`|\b(?:const|let|class|import|async)\b|\?\.|\?\?/);
});
