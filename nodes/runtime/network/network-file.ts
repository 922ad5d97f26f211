/** `<dir>/network.json`: the network this node belongs to and what it pinned when it founded or joined. Not a secret. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { Code, closed, Digest, MemberId, PublicKey } from "../../../chaincode/rules/vocabulary.ts";
import { ConfigError } from "../../config/config-error.ts";
import { overwriteFile } from "../../store/atomic-file.ts";

export const NETWORK_FILE = "network.json";

export const NetworkFile = closed({
  formatVersion: Type.Literal(1),
  network: Code,
  role: Type.Union([Type.Literal("sequencer"), Type.Literal("replica")]),
  /** Operator and sequencer as pinned when joining; the ledger's member record rules once it is replicated. */
  sequencer: closed({
    member: MemberId,
    /** The founder's key at the founding. */
    publicKey: PublicKey,
    tls: Digest,
    endpoint: Type.String({ pattern: "^https://", maxLength: 200 }),
  }),
});
export type NetworkFile = Static<typeof NetworkFile>;

const check = Compile(NetworkFile);

/** Undefined when the node has neither founded nor joined a network. */
export async function readNetworkFile(dir: string): Promise<NetworkFile | undefined> {
  const path = join(dir, NETWORK_FILE);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  if (text === undefined) return undefined;
  const value: unknown = JSON.parse(text);
  if (check.Check(value)) return value;
  throw new ConfigError("ERR_CONFIG_SYNTAX", `${path}: damaged; restore it from a backup or join the network again`);
}

export const writeNetworkFile = (dir: string, file: NetworkFile): Promise<void> =>
  overwriteFile(join(dir, NETWORK_FILE), `${JSON.stringify(file, null, 2)}\n`);
