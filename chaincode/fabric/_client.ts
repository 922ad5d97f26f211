/** Certificates of Fabric clients for tests; a double of a peer takes them unsigned by anyone. */
import "reflect-metadata";
import { webcrypto, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { Identity } from "./_peer.ts";
import { clientOf, type FabricClient } from "./caller.ts";

export interface TestClient {
  readonly identity: Identity;
  readonly bound: FabricClient;
}

export async function testClient(msp: string, role: string, name: string): Promise<TestClient> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: "01",
    name: `C=CN, OU=${role}, CN=${name}`,
    signingAlgorithm: algorithm,
    keys,
  });
  const pem = certificate.toString("pem");
  return { identity: { msp, certificate: pem }, bound: clientOf(msp, new X509Certificate(pem)) };
}
