/** The package a peer installs: it says where the chaincode server is, and holds no code. */
import { createHash } from "node:crypto";
import { tarGzip } from "./tar.ts";

export interface ChaincodePackage {
  readonly bytes: Buffer;
  /** `label:sha256`, as the peer will call it. */
  readonly id: string;
}

export interface ChaincodeServer {
  readonly label: string;
  /** host:port */
  readonly address: string;
  /** PEM: what the server's certificate must chain to. */
  readonly rootCertificate: string;
}

/**
 * TLS without a client certificate: its key would lie in the package, on every peer's disk. Whoever else connects can
 * only run the contract over a state it makes up itself.
 */
export function chaincodePackage({ label, address, rootCertificate }: ChaincodeServer): ChaincodePackage {
  const connection = {
    address,
    dial_timeout: "10s",
    tls_required: true,
    client_auth_required: false,
    root_cert: rootCertificate,
  };
  const code = tarGzip([{ name: "connection.json", data: json(connection) }]);
  const bytes = tarGzip([
    { name: "metadata.json", data: json({ type: "ccaas", label }) },
    { name: "code.tar.gz", data: code },
  ]);
  return { bytes, id: packageId(label, bytes) };
}

const packageId = (label: string, bytes: Uint8Array): string =>
  `${label}:${createHash("sha256").update(bytes).digest("hex")}`;

const json = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
