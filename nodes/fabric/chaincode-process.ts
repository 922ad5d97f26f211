/** One organisation's chaincode server as a process of its own; its place comes by environment. */
import { readFile } from "node:fs/promises";
import { codeDigest } from "../../chaincode/fabric/code-digest.ts";
import { createContract } from "../../chaincode/fabric/contract.ts";
import { startChaincode } from "../../chaincode/fabric/server.ts";
import { verifyForContract } from "../../ledger/contract.ts";
import { CHAINCODE_ENVIRONMENT } from "./sealane-chaincode.ts";

const value = (name: string): string => {
  const found = process.env[name];
  if (found === undefined) throw new TypeError(`${name}: missing; this process is started by "sealane fabric up"`);
  return found;
};
const { packageId, address, key, certificate } = CHAINCODE_ENVIRONMENT;
const contract = createContract({ verify: verifyForContract, code: codeDigest(), now: () => Date.now() });
await startChaincode(contract, {
  packageId: value(packageId),
  address: value(address),
  tls: { key: await readFile(value(key)), certificate: await readFile(value(certificate)) },
});
