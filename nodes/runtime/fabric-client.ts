/** What a node whose ledger is on Fabric has beside its own keys: the connection profile and the certificate it names. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { clientOf, type FabricClient } from "../../chaincode/fabric/caller.ts";
import { type FabricProfile, parseProfile } from "../../ledger/fabric/profile.ts";
import { LedgerError } from "../../ledger/port.ts";
import type { NodeConfig } from "../config/node-config.ts";

export interface NodeFabric {
  readonly profile: FabricProfile;
  /** PEM. */
  readonly client: { readonly certificate: string; readonly privateKey: string };
  /** What the member record says of it. */
  readonly bound: FabricClient;
}

/** Undefined where the ledger is the embedded one. Throws LedgerError ERR_LEDGER_PROFILE naming the file. */
export async function readNodeFabric(dir: string, { ledger }: NodeConfig): Promise<NodeFabric | undefined> {
  if (ledger === undefined) return undefined;
  const file = resolve(dir, ledger.fabric);
  const profile = parseProfile(await read(file), file);
  const { mspId, certificate, key } = profile.client;
  const at = (path: string) => resolve(dirname(file), path);
  const client = { certificate: await read(at(certificate)), privateKey: await read(at(key)) };
  return { profile, client, bound: clientOf(mspId, readCertificate(client.certificate, at(certificate))) };
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new LedgerError("ERR_LEDGER_PROFILE", `${file}: cannot be read`, { cause });
  }
}

function readCertificate(pem: string, file: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new LedgerError("ERR_LEDGER_PROFILE", `${file}: not an X.509 certificate`, { cause });
  }
}
