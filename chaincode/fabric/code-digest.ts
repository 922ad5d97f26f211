/**
 * Digest of the code that decides what is recorded: the rules, this contract, the check of signatures, and the libraries
 * that these call, as the lock file has them. It stands in the version of the chaincode on the channel, the contract
 * refuses calls that expect another, and so every node knows which rules it re-executes. The build writes it down for
 * the compiled form, whose text is another. Node itself is not in it: its JSON, its OpenSSL.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { fileURLToPath } from "node:url";

const FOLDERS = ["chaincode/fabric", "chaincode/rules", "crypto/suites"];
const FILES = ["ledger/contract.ts", "nodes/fabric/serve-sealane.ts"];
const root = new URL("../../", import.meta.url);
export const WRITTEN_DIGEST = "chaincode/fabric/code-digest.json";

/** What decides in foreign code, with the one that brings it where we do not. gRPC only carries bytes. */
const LIBRARIES: Readonly<Record<string, string | undefined>> = {
  "@hyperledger/fabric-protos": undefined,
  "@noble/curves": undefined,
  "@noble/hashes": "@noble/curves",
  canonicalize: undefined,
  "google-protobuf": "@hyperledger/fabric-protos",
  typebox: undefined,
};

export interface WrittenDigest {
  /** base64url SHA-256. */
  readonly code: string;
  /** Versions by name. */
  readonly libraries: Readonly<Record<string, string>>;
}

/** base64url SHA-256. Reads the files; call it once. Throws Error where another version of a library is installed. */
export function codeDigest({ code, libraries }: WrittenDigest = writtenDigest()): string {
  for (const [name, version] of Object.entries(libraries)) demandInstalled(name, version);
  return code;
}

export function writtenDigest(): WrittenDigest {
  const written = new URL(WRITTEN_DIGEST, root);
  return existsSync(written) ? (JSON.parse(readFileSync(written, "utf8")) as WrittenDigest) : digestOfSources();
}

/** Paths from the root, in the order in which they are hashed. */
export function decidingFiles(): readonly string[] {
  const inFolders = FOLDERS.flatMap((folder) => {
    const names = readdirSync(fileURLToPath(new URL(folder, root))).filter(isCode);
    return names.sort().map((name) => `${folder}/${name}`);
  });
  return [...inFolders, ...FILES];
}

export const decidingLibraries = (): readonly string[] => Object.keys(LIBRARIES);

function digestOfSources(): WrittenDigest {
  const digest = createHash("sha256");
  const add = (name: string, content: Uint8Array | string) =>
    digest.update(`${name}\0${content.length}\0`).update(content);
  for (const path of decidingFiles()) add(path, readFileSync(new URL(path, root)));
  const libraries: Record<string, string> = {};
  for (const name of Object.keys(LIBRARIES)) {
    const { version, integrity } = lockedAs(name);
    add(name, `${version} ${integrity}`);
    libraries[name] = version;
  }
  return { code: digest.digest("base64url"), libraries };
}

function lockedAs(name: string): { readonly version: string; readonly integrity: string } {
  const { packages } = JSON.parse(readFileSync(new URL("package-lock.json", root), "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly version?: string; readonly integrity?: string }>>;
  };
  const { version, integrity } = packages[`node_modules/${name}`] ?? {};
  if (version === undefined || integrity === undefined) throw new Error(`package-lock.json: ${name} has no integrity`);
  return { version, integrity };
}

function demandInstalled(name: string, expected: string): void {
  const by = LIBRARIES[name];
  const from = by === undefined ? import.meta.url : findPackageJSON(by, import.meta.url);
  const file = from === undefined ? undefined : findPackageJSON(name, from);
  const { version } = JSON.parse(file === undefined ? "{}" : readFileSync(file, "utf8")) as { version?: string };
  if (version === expected) return;
  throw new Error(`${name}: the contract goes by ${expected}, installed is ${version ?? "none"}; install that version`);
}

const isCode = (name: string): boolean => name.endsWith(".ts") && !name.endsWith(".test.ts") && !name.startsWith("_");
