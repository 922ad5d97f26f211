/**
 * The chaincode of one organisation's peer. Environment: CHAINCODE_ID (package id), CHAINCODE_SERVER_ADDRESS (host:port to
 * listen on), CHAINCODE_TLS_KEY and CHAINCODE_TLS_CERT (PEM files; both or none) and CHAINCODE_CLIENT_CA_CERT (PEM file:
 * only peers with a certificate under it are served).
 */
import { readFileSync } from "node:fs";
import { codeDigest } from "../../chaincode/fabric/code-digest.ts";
import { createContract } from "../../chaincode/fabric/contract.ts";
import { startChaincode } from "../../chaincode/fabric/server.ts";
import { verifyForContract } from "../../ledger/contract.ts";

const { CHAINCODE_ID, CHAINCODE_SERVER_ADDRESS, CHAINCODE_TLS_KEY, CHAINCODE_TLS_CERT, CHAINCODE_CLIENT_CA_CERT } =
  process.env;
if (CHAINCODE_ID === undefined || CHAINCODE_SERVER_ADDRESS === undefined) {
  console.error("chaincode: CHAINCODE_ID and CHAINCODE_SERVER_ADDRESS must be set");
  process.exit(2);
}
const code = codeDigest();
const contract = createContract({ verify: verifyForContract, code, now: Date.now });
const pem = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path));
const [key, certificate, clientRoots] = [CHAINCODE_TLS_KEY, CHAINCODE_TLS_CERT, CHAINCODE_CLIENT_CA_CERT].map(pem);
await startChaincode(contract, {
  packageId: CHAINCODE_ID,
  address: CHAINCODE_SERVER_ADDRESS,
  ...(key === undefined || certificate === undefined
    ? {}
    : { tls: { key, certificate, ...(clientRoots === undefined ? {} : { clientRoots }) } }),
});
console.error(`chaincode: rules ${code}, listening on ${CHAINCODE_SERVER_ADDRESS}`);
