/** `npm run build`: compiles the sources to dist/ and copies the data files that lie beside them. */
import { spawnSync } from "node:child_process";
import { cp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { WRITTEN_DIGEST, writtenDigest } from "../../chaincode/fabric/code-digest.ts";

const FOLDERS = ["crypto", "policies", "chaincode", "ledger", "exchange", "nodes"];
const ASSET = /\.(?:json|csv|parquet|html|css|svg|wasm)$/;
// Test material; the package holds none.
const LEFT_OUT = /(?:^|\/)(?:vectors|fixtures|checks)(?:\/|$)|\.test\./;

const root = fileURLToPath(new URL("../..", import.meta.url));
const dist = join(root, "dist");

await rm(dist, { recursive: true, force: true });
const compiled = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", "tsconfig.build.json"], {
  cwd: root,
  stdio: "inherit",
});
if (compiled.status !== 0) process.exit(compiled.status ?? 1);

let assets = 0;
for (const folder of FOLDERS) {
  for (const entry of await readdir(join(root, folder), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name).slice(root.length).replaceAll("\\", "/").replace(/^\//, "");
    if (!entry.isFile() || !ASSET.test(path) || LEFT_OUT.test(path)) continue;
    await mkdir(dirname(join(dist, path)), { recursive: true });
    await cp(join(root, path), join(dist, path));
    assets += 1;
  }
}
// Of the sources: the compiled text is another.
await writeFile(join(dist, WRITTEN_DIGEST), `${JSON.stringify(writtenDigest())}\n`);
await writeFile(join(dist, "package.json"), `${JSON.stringify({ type: "module" })}\n`);
console.error(`dist/: compiled, ${assets} data files copied`);
