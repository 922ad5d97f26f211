/** `sealane fabric init`: writes every file of a network that is no one's secret but the chaincode servers' keys; starts nothing. */
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { createTlsIdentity } from "../config/tls-certificate.ts";
import { createFile, PRIVATE_FOLDER } from "../store/atomic-file.ts";
import { BUILDER_SCRIPTS } from "./builder-scripts.ts";
import { chaincodePackage } from "./chaincode-package.ts";
import { FabricNetworkError } from "./fabric-error.ts";
import { freePorts } from "./free-ports.ts";
import { type FabricLayout, layoutOf } from "./layout.ts";
import { configtx, cryptoConfig, HOST } from "./network-files.ts";
import {
  type FabricPlan,
  type Organisation,
  type PlanOptions,
  parsePlan,
  planNetwork,
  portsNeeded,
} from "./network-plan.ts";
import { coreYaml, ordererYaml } from "./process-files.ts";

const PUBLIC_FILE = 0o644;
const SCRIPT = 0o755;

export interface InitDeps {
  /** UTC with Z. */
  readonly now: string;
  readonly random: (bytes: number) => Uint8Array;
}

/** `dir` is absolute. Throws FabricNetworkError ERR_FABRIC_EXISTS where a network is already. */
export async function initFabric(dir: string, options: PlanOptions, { now, random }: InitDeps): Promise<FabricPlan> {
  const layout = layoutOf(dir);
  if ((await stat(layout.plan).catch(() => undefined)) !== undefined) {
    throw new FabricNetworkError(
      "ERR_FABRIC_EXISTS",
      `${layout.plan}: there is a network already; choose another folder`,
    );
  }
  const fraction = () => Buffer.from(random(4)).readUInt32BE() / 2 ** 32;
  const plan = planNetwork(options, await freePorts(portsNeeded(options), fraction));
  await mkdir(dir, { recursive: true, mode: PRIVATE_FOLDER });
  const write = (path: string, text: string | Uint8Array, mode = PUBLIC_FILE) => createFile(path, text, mode);
  await write(layout.cryptoConfig, cryptoConfig(plan));
  await write(layout.configtx, configtx(plan, layout));
  for (const orderer of plan.orderers) {
    await write(join(layout.orderer.config(orderer), "orderer.yaml"), ordererYaml(layout, orderer));
  }
  for (const org of plan.organisations) {
    await write(join(layout.peer.config(org), "core.yaml"), coreYaml(plan, layout, org));
    const member = `chaincode.${org.name}`;
    const tls = await createTlsIdentity({ member, endpoint: undefined, now, serial: random(15) });
    await write(layout.chaincode.certificate(org), tls.certificate);
    await write(layout.chaincode.key(org), tls.privateKey, 0o600);
    await write(layout.chaincode.package(org), packageOf(plan, org, tls.certificate).bytes);
  }
  for (const [name, script] of Object.entries(BUILDER_SCRIPTS)) {
    await write(join(layout.builder, "bin", name), script, SCRIPT);
  }
  // Last: a folder with a plan is a whole network.
  await write(layout.plan, `${JSON.stringify(plan, null, 2)}\n`);
  return plan;
}

export interface StoredNetwork {
  readonly plan: FabricPlan;
  readonly layout: FabricLayout;
}

/** Throws FabricNetworkError ERR_FABRIC_NO_NETWORK. */
export async function readFabric(dir: string): Promise<StoredNetwork> {
  const layout = layoutOf(dir);
  let text: string;
  try {
    text = await readFile(layout.plan, "utf8");
  } catch (cause) {
    const message = `${layout.plan}: cannot be read; make a network with "sealane fabric init"`;
    throw new FabricNetworkError("ERR_FABRIC_NO_NETWORK", message, { cause });
  }
  return { plan: parsePlan(text, layout.plan), layout };
}

/** As the organisation's peer will know it. */
export async function packageIdOf({ plan, layout }: StoredNetwork, org: Organisation): Promise<string> {
  return packageOf(plan, org, await readFile(layout.chaincode.certificate(org), "utf8")).id;
}

const packageOf = (plan: FabricPlan, org: Organisation, rootCertificate: string) =>
  chaincodePackage({ label: plan.chaincode, address: `${HOST}:${org.chaincode}`, rootCertificate });
