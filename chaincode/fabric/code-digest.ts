/**
 * Digest of the code that decides what is recorded: the rules, this contract and the check of signatures. It stands in
 * the version of the chaincode on the channel, the contract refuses calls that expect another, and so every node knows
 * which rules it re-executes. The build writes it down for the compiled form, whose text is another.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDERS = ["chaincode/fabric", "chaincode/rules", "crypto/suites"];
const root = new URL("../../", import.meta.url);
export const WRITTEN_DIGEST = "chaincode/fabric/code-digest.json";

/** base64url SHA-256. Reads the files; call it once. */
export function codeDigest(): string {
  const written = new URL(WRITTEN_DIGEST, root);
  return existsSync(written) ? (JSON.parse(readFileSync(written, "utf8")) as { code: string }).code : digestOfSources();
}

function digestOfSources(): string {
  const digest = createHash("sha256");
  for (const folder of FOLDERS) {
    const names = readdirSync(fileURLToPath(new URL(folder, root))).filter(isCode);
    for (const name of names.sort()) {
      const path = `${folder}/${name}`;
      const text = readFileSync(new URL(path, root));
      digest.update(`${path}\0${text.length}\0`).update(text);
    }
  }
  return digest.digest("base64url");
}

const isCode = (name: string): boolean => name.endsWith(".ts") && !name.endsWith(".test.ts") && !name.startsWith("_");
