/**
 * `npm run test:openapi [-- SCHEMATHESIS OPTIONS]`: a live network, and schemathesis (PyPI) over the OpenAPI document
 * of one node of each kind, with its token. Needs `schemathesis` on PATH, or SCHEMATHESIS naming it; else it says that
 * it skips. Exit 1 when a check fails.
 */
import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createFuzzWorld } from "./_world.ts";

const program = process.env.SCHEMATHESIS ?? "schemathesis";
const config = fileURLToPath(new URL("./schemathesis.toml", import.meta.url));
const more = process.argv.slice(2);

if (spawnSync(program, ["--version"]).status !== 0) {
  console.log(`skipped: no ${program}. Install it (pip install schemathesis) and name it in SCHEMATHESIS or on PATH.`);
  process.exit(0);
}

await using world = await createFuzzWorld();

const run = (args: readonly string[]): Promise<number> =>
  new Promise((resolve) => {
    // It keeps notes of its runs in the current folder.
    spawn(program, args, { stdio: "inherit", cwd: world.network.net.dir }).on("close", (code) => resolve(code ?? 1));
  });

let failed = 0;
for (const member of ["ministry", "alpha", "operator"]) {
  const { address, token } = world.node(member);
  console.log(`\n==== ${member}`);
  const header = `Authorization: Bearer ${token}`;
  const code = await run(["--config-file", config, "run", `${address.api}/openapi.json`, "--header", header, ...more]);
  if (code !== 0) failed += 1;
}
process.exitCode = failed === 0 ? 0 : 1;
