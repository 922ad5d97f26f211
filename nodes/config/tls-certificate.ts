/** The node's TLS identity: a P-256 key and a self-signed certificate. Others pin the key; names and dates are for tools. */
import "reflect-metadata";
import { type webcrypto, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";
import { pinOfCertificate } from "../peer/tls-pin.ts";

const VALID_YEARS = 10;
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export interface TlsIdentity {
  /** PKCS#8 PEM. */
  readonly privateKey: string;
  readonly certificate: string;
  /** SPKI SHA-256, base64url: what the member record names. */
  readonly pin: string;
}

/** `endpoint` adds its host to the alternative names. */
export async function createTlsIdentity(options: {
  member: string;
  endpoint: string | undefined;
  now: string;
  serial: Uint8Array;
}): Promise<TlsIdentity> {
  const keys = (await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const notBefore = new Date(options.now);
  const notAfter = new Date(notBefore);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + VALID_YEARS);
  const hosts = new Set(["localhost", "127.0.0.1", ...(options.endpoint ? [hostOf(options.endpoint)] : [])]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    // RFC 5280 section 4.1.2.2: positive and at most 20 bytes.
    serialNumber: `01${Buffer.from(options.serial).toString("hex").slice(0, 30)}`,
    name: `CN=${options.member}`,
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.SubjectAlternativeNameExtension(
        [...hosts].map((host) => ({ type: isIP(host) === 0 ? ("dns" as const) : ("ip" as const), value: host })),
      ),
    ],
  });
  const pem = certificate.toString("pem");
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  const privateKey = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString("base64").replace(/(.{64})/g, "$1\n")}\n-----END PRIVATE KEY-----\n`;
  return { privateKey, certificate: pem, pin: pinOfCertificate(new X509Certificate(pem)) };
}

const hostOf = (endpoint: string): string => new URL(endpoint).hostname.replace(/^\[|\]$/g, "");
