/** A Fabric network for one demonstration: three organisations run it, every member has a client certificate of one of them. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findBinaries } from "../fabric/binaries.ts";
import { downFabric } from "../fabric/down.ts";
import { initFabric, readFabric, type StoredNetwork } from "../fabric/init-network.ts";
import { probe } from "../fabric/probe.ts";
import { sealaneChaincode } from "../fabric/sealane-chaincode.ts";
import { upFabric } from "../fabric/up.ts";

const ORGANISATIONS = 3;

export interface DemoFabric {
  /** Section `ledger` of a member's sealane.json. */
  ledgerOf(member: string): { readonly ledger: { readonly fabric: string } };
  /** Of Fabric. */
  readonly version: string;
  readonly network: StoredNetwork;
  close(): Promise<void>;
}

/** Throws FabricNetworkError that names what is missing. Nothing stays open when this throws. */
export async function startDemoFabric(
  members: readonly string[],
  { env, signal }: { readonly env: Readonly<Record<string, string | undefined>>; readonly signal: AbortSignal },
): Promise<DemoFabric> {
  const binaries = await findBinaries(env);
  const dir = await mkdtemp(join(tmpdir(), "sealane-fabric-"));
  const options = {
    organisations: ORGANISATIONS,
    orderers: 1,
    endorsement: "majority",
    clients: Math.ceil(members.length / ORGANISATIONS),
    batchTimeoutMs: 50,
  } as const;
  await initFabric(dir, options, { now: new Date().toISOString(), random: randomBytes });
  const network = await readFabric(dir);
  async function close(): Promise<void> {
    await downFabric(network);
    await rm(dir, { recursive: true, force: true });
  }
  try {
    await upFabric(network, { binaries, chaincode: sealaneChaincode(), signal, onStep: () => undefined, probe });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    version: binaries.version,
    network,
    ledgerOf(member) {
      const at = members.indexOf(member);
      const org = network.plan.organisations[at % ORGANISATIONS];
      if (at < 0 || org === undefined) throw new RangeError(`demo: no member ${member}`);
      return { ledger: { fabric: network.layout.peer.profile(org, Math.floor(at / ORGANISATIONS) + 1) } };
    },
    close,
  };
}
