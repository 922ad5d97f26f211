/** The contract of this version as a chaincode server in this process. */
import { codeDigest } from "../../chaincode/fabric/code-digest.ts";
import { createContract } from "../../chaincode/fabric/contract.ts";
import { type ChaincodeServer, startChaincode } from "../../chaincode/fabric/server.ts";
import { isCanonicalText } from "../../crypto/suites/digest.ts";
import { createSignatureQueue } from "../../ledger/contract.ts";

export interface ServedChaincode {
  readonly packageId: string;
  /** host:port to listen on. */
  readonly address: string;
  /** PEM. */
  readonly key: string;
  readonly certificate: string;
}

/** Resolves once it listens. */
export function serveSealane({ packageId, address, key, certificate }: ServedChaincode): Promise<ChaincodeServer> {
  const contract = createContract({
    signatures: createSignatureQueue,
    isCanonical: isCanonicalText,
    code: codeDigest(),
    now: () => Date.now(),
  });
  const tls = { key: Buffer.from(key), certificate: Buffer.from(certificate) };
  return startChaincode(contract, { packageId, address, tls });
}
