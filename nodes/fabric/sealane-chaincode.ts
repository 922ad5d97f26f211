/** The contract of this version as a chaincode server that a network starts. */
import { codeDigest } from "../../chaincode/fabric/code-digest.ts";
import { siblingPath } from "../boot/sibling.ts";
import type { ChaincodePlace, ChaincodeProgram } from "./chaincode-program.ts";

/** Names as Fabric's own starter has them, where it has one. */
export const CHAINCODE_ENVIRONMENT = Object.freeze({
  packageId: "CHAINCODE_ID",
  address: "CHAINCODE_SERVER_ADDRESS",
  key: "CHAINCODE_TLS_KEY_FILE",
  certificate: "CHAINCODE_TLS_CERT_FILE",
});

export function sealaneChaincode(): ChaincodeProgram {
  return Object.freeze({
    version: codeDigest(),
    args: [siblingPath(import.meta.url, "./chaincode-process")],
    env: ({ packageId, address, keyFile, certificateFile }: ChaincodePlace) => ({
      [CHAINCODE_ENVIRONMENT.packageId]: packageId,
      [CHAINCODE_ENVIRONMENT.address]: address,
      [CHAINCODE_ENVIRONMENT.key]: keyFile,
      [CHAINCODE_ENVIRONMENT.certificate]: certificateFile,
      CORE_CHAINCODE_LOGGING_LEVEL: "warn",
    }),
  });
}
