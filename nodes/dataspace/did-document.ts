/** did:web (W3C CCG "did:web Method"): who this member is, from its record on the ledger and from nothing else. */
import type { MemberRecord } from "../../chaincode/rules/transactions.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import { suiteOf } from "../../crypto/suites/suite.ts";
import { joined } from "../../exchange/protocol/paths.ts";

/** `https://host:port` as `did:web:host%3Aport`; the document is at `/.well-known/did.json`. */
export const didWebOf = (endpoint: string): string => `did:web:${encodeURIComponent(new URL(endpoint).host)}`;

/** `record`: with an endpoint, and the identity key that the ledger has now. `path`: of the protocol's binding. */
export function didDocument(record: MemberRecord & { readonly endpoint: string }, path: string) {
  const { identity, endpoint } = record;
  const did = didWebOf(endpoint);
  const key = `${did}#${identity.key}`;
  const service = (type: "DataService" | "CatalogService", address: string) => ({
    id: `${did}#${type === "DataService" ? "dsp" : "catalog"}`,
    type,
    serviceEndpoint: address,
  });
  return {
    "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"],
    id: did,
    verificationMethod: [
      {
        id: key,
        type: "JsonWebKey2020",
        controller: did,
        publicKeyJwk: {
          ...suiteOf(identity.suite).publicKeyJwk(fromBase64url(identity.publicKey, "public key")),
          kid: identity.key,
        },
      },
    ],
    authentication: [key],
    assertionMethod: [key],
    service: [
      service("DataService", joined(endpoint, ".well-known", "dspace-version")),
      service("CatalogService", joined(endpoint, path.replace(/^\//, ""))),
    ],
  };
}
