/** Every process of a network, by name: orderers, peers, chaincode servers. */
import type { Binaries } from "./binaries.ts";
import type { ChaincodeProgram } from "./chaincode-program.ts";
import type { StoredNetwork } from "./init-network.ts";
import { HOST } from "./network-files.ts";
import type { Orderer, Organisation } from "./network-plan.ts";
import type { ProcessPlan } from "./processes.ts";

export const ordererName = ({ name }: Pick<Orderer, "name">): string => name;
export const peerName = ({ name }: Pick<Organisation, "name">): string => `peer-${name}`;
export const chaincodeName = ({ name }: Pick<Organisation, "name">): string => `chaincode-${name}`;

/** In the order of their start. */
export const processNames = ({ plan }: StoredNetwork): readonly string[] => [
  ...plan.orderers.map(ordererName),
  ...plan.organisations.map(peerName),
  ...plan.organisations.map(chaincodeName),
];

const LOGGING = "warning";
/** Go's collector of a peer runs a quarter as often: a sixth of the peer's processor time, for memory that a development machine has. */
const COLLECTOR = { GOGC: "400" };

export function ordererProcess({ layout }: StoredNetwork, orderer: Orderer, { path, version }: Binaries): ProcessPlan {
  const env = { FABRIC_CFG_PATH: layout.orderer.config(orderer), FABRIC_LOGGING_SPEC: LOGGING };
  return { ...placed(layout, ordererName(orderer)), command: path.orderer, args: [], env, edition: version };
}

export function peerProcess({ layout }: StoredNetwork, org: Organisation, { path, version }: Binaries): ProcessPlan {
  const env = { FABRIC_CFG_PATH: layout.peer.config(org), FABRIC_LOGGING_SPEC: LOGGING, ...COLLECTOR, ...searchPath() };
  return { ...placed(layout, peerName(org)), command: path.peer, args: ["node", "start"], env, edition: version };
}

export function chaincodeProcess(
  { layout }: StoredNetwork,
  org: Organisation,
  program: ChaincodeProgram,
  packageId: string,
): ProcessPlan {
  const env = program.env({
    packageId,
    address: `${HOST}:${org.chaincode}`,
    keyFile: layout.chaincode.key(org),
    certificateFile: layout.chaincode.certificate(org),
  });
  const { args, version } = program;
  return { ...placed(layout, chaincodeName(org)), command: process.execPath, args, env, edition: version };
}

const placed = (layout: StoredNetwork["layout"], name: string) => ({
  name,
  cwd: layout.dir,
  log: layout.log(name),
  record: layout.record(name),
});

/** The builder's scripts use the system's own programs. */
const searchPath = () => ({ PATH: "/usr/local/bin:/usr/bin:/bin" });
