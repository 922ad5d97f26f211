/** The TLS identity of a member: SHA-256 over the DER SubjectPublicKeyInfo of its certificate, base64url. */
import type { X509Certificate } from "node:crypto";
import { sha256 } from "../../crypto/suites/digest.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";

export const pinOfCertificate = (certificate: X509Certificate): string =>
  toBase64url(sha256(certificate.publicKey.export({ format: "der", type: "spki" })));
