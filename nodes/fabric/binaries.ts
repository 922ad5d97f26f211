/** Fabric's own programs: where they are and which version they say they have. They are never fetched from here. */
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { FabricNetworkError } from "./fabric-error.ts";
import { run } from "./run-program.ts";

export const PROGRAMS = ["peer", "orderer", "configtxgen", "cryptogen", "osnadmin"] as const;
export type Program = (typeof PROGRAMS)[number];

const OFFERED = "the Fabric project offers them at https://github.com/hyperledger/fabric/releases";

export interface Binaries {
  readonly version: string;
  /** Absolute paths. */
  readonly path: Readonly<Record<Program, string>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Looks in FABRIC_BIN alone where that is set, else on PATH; of 2.3 and later where no peer has to be a Gateway. Throws
 * FabricNetworkError that names every missing program.
 */
export async function findBinaries(env: Environment, { gateway = true } = {}): Promise<Binaries> {
  const wanted = `${gateway ? "2.5" : "2.3"}.x`;
  const { FABRIC_BIN: own = "", PATH = "" } = env;
  const folders = own === "" ? PATH.split(delimiter) : [own];
  const found = await Promise.all(PROGRAMS.map(async (name) => [name, await find(name, folders)] as const));
  const missing = found.flatMap(([name, path]) => (path === undefined ? [name] : []));
  if (missing.length > 0) {
    const where = own === "" ? "on PATH (FABRIC_BIN may name their folder)" : `in ${own}`;
    throw new FabricNetworkError(
      "ERR_FABRIC_BINARY_MISSING",
      `${missing.join(", ")}: not found ${where}; versions from ${wanted} on and 3.x are supported, ${OFFERED}`,
    );
  }
  const path = Object.fromEntries(found) as Record<Program, string>;
  // osnadmin and configtxgen of the same release say theirs in other ways, or not at all.
  const versions = await Promise.all(
    (["peer", "orderer", "cryptogen"] as const).map(async (name) => ({ name, version: await versionOf(path[name]) })),
  );
  for (const { name, version } of versions) {
    if (!isSupported(version, gateway ? 5 : 3)) {
      throw new FabricNetworkError(
        "ERR_FABRIC_BINARY_VERSION",
        `${path[name]}: version ${version ?? "unknown"}; wanted ${wanted} or later, or 3.x, ${OFFERED}`,
      );
    }
  }
  const [first] = versions;
  const other = versions.find(({ version }) => version !== first?.version);
  if (other !== undefined) {
    throw new FabricNetworkError(
      "ERR_FABRIC_BINARY_VERSION",
      `peer is ${first?.version}, ${other.name} is ${other.version}: wanted one release; ${OFFERED}`,
    );
  }
  return { version: first?.version ?? "", path };
}

/** `v2.5.16`, `3.1.5`: of 2 from this minor version on, and all of 3. */
export function isSupported(version: string | undefined, leastMinor = 5): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)(?:\.|$)/.exec(version ?? "") ?? [];
  return major === "3" || (major === "2" && Number(minor) >= leastMinor);
}

async function find(name: string, folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, name);
    if (folder !== "" && (await isExecutable(path))) return path;
  }
  return undefined;
}

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

async function versionOf(path: string): Promise<string | undefined> {
  const { output } = await run(path, ["version"], { env: {}, timeoutMs: 20_000 });
  return /^\s*Version:\s*v?(\S+)/m.exec(output)?.[1];
}
