import { expect, test } from "vitest";
import type { MemberRecord } from "../../chaincode/rules/transactions.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { signingIdentity } from "../../crypto/suites/signed.ts";
import { didDocument, didWebOf } from "./did-document.ts";

const record = {
  id: "alpha",
  endpoint: "https://alpha.example:7443",
  identity: { key: "k".repeat(22), suite: "intl", publicKey: "A".repeat(43) },
} as unknown as MemberRecord & { readonly endpoint: string };

test("a member's did:web document names its endpoint and the key of the ledger", () => {
  expect(didWebOf(record.endpoint)).toBe("did:web:alpha.example%3A7443");
  const document = didDocument(record, "/dsp/2025-1");
  const key = `did:web:alpha.example%3A7443#${record.identity.key}`;
  expect(document).toMatchObject({
    id: "did:web:alpha.example%3A7443",
    verificationMethod: [{ id: key, publicKeyJwk: { kty: "OKP", crv: "Ed25519", x: record.identity.publicKey } }],
    authentication: [key],
    service: [
      { type: "DataService", serviceEndpoint: "https://alpha.example:7443/.well-known/dspace-version" },
      { type: "CatalogService", serviceEndpoint: "https://alpha.example:7443/dsp/2025-1" },
    ],
  });
});

test("a key of suite gm is named as a point of the curve SM2", () => {
  const { key, publicKey } = signingIdentity("alpha", "gm", new Uint8Array(32).fill(1));
  const identity = { key, suite: "gm" as const, publicKey: toBase64url(publicKey) };
  const [method] = didDocument({ ...record, identity }, "/dsp/2025-1").verificationMethod;
  const coordinate = expect.stringMatching(/^[A-Za-z0-9_-]{43}$/);
  expect(method?.publicKeyJwk).toEqual({ kty: "EC", crv: "SM2", x: coordinate, y: coordinate, kid: key });
});
