/** Version of this package, from the package.json above this file in the checkout and in the installed package. */
import { existsSync, readFileSync } from "node:fs";

export function packageVersion(): string {
  for (const up of ["../../package.json", "../../../package.json"]) {
    const file = new URL(up, import.meta.url);
    if (!existsSync(file)) continue;
    const { name, version } = JSON.parse(readFileSync(file, "utf8")) as { name?: string; version?: string };
    if (name === "sealane" && version !== undefined) return version;
  }
  throw new Error("package.json of sealane not found above nodes/boot; install the package again");
}
