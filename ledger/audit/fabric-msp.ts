/**
 * Who is who on a channel: certificates of an organisation up to the roots that its configuration names, the role that the
 * certificate's organisational unit gives (NodeOUs), revocation, and whether a signature is the holder's.
 */
import { createHash, type KeyObject, verify, X509Certificate } from "node:crypto";
import { msp } from "@hyperledger/fabric-protos";
import { isLowS, issuerNameOf, type RevocationList, readRevocationList, serialOf } from "./fabric-der.ts";
import { decoded, demandThat, FabricFault } from "./fabric-fault.ts";

export type Role = "client" | "peer" | "admin" | "orderer";

/** An identity that is good in its organisation, whatever the date. */
export interface KnownIdentity {
  readonly mspId: string;
  /** Undefined where the organisation tells no roles apart. */
  readonly role: Role | undefined;
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly until: number;
  /** Organisation and public key: certificates for one key are one holder, also where a signature on them was changed to its twin. */
  readonly holder: string;
  readonly key: KeyObject;
  readonly fieldBytes: number | undefined;
}

interface UnitRule {
  readonly role: Role;
  readonly unit: string;
  /** Fingerprint of a certificate that must be in the chain. */
  readonly certifier: string | undefined;
}

export interface Organisation {
  readonly mspId: string;
  /** Fingerprints (SHA-256) of its root certificates. */
  readonly roots: readonly string[];
  /** Throws FabricFault. `certificate` is PEM. */
  identify(certificate: Uint8Array): KnownIdentity;
}

const FABRIC = 0;
const MAX_DEPTH = 8;

/** `bytes` is an MSPConfig. */
export function readOrganisation(bytes: Uint8Array): Organisation {
  const outer = decoded("MSP", () => msp.MSPConfig.deserializeBinary(bytes));
  demandThat(outer.getType() === FABRIC, "fabric-form", { what: "MSP", type: outer.getType() });
  const config = decoded("MSP", () => msp.FabricMSPConfig.deserializeBinary(outer.getConfig_asU8()));
  const mspId = config.getName();
  const roots = config.getRootCertsList_asU8().map(readCertificate);
  const authorities = [...roots, ...config.getIntermediateCertsList_asU8().map(readCertificate)];
  const lists = config.getRevocationListList_asU8().map(readRevocationList);
  const admins = new Set(config.getAdminsList_asU8().map((pem) => readCertificate(pem).fingerprint256));
  const units = config.getFabricNodeOus()?.getEnable() === true ? unitRules(config) : undefined;
  const isRoot = (certificate: X509Certificate) =>
    roots.some(({ fingerprint256 }) => fingerprint256 === certificate.fingerprint256);

  /** From the certificate's issuer to a root. */
  function chainOf(certificate: X509Certificate): readonly X509Certificate[] {
    const chain: X509Certificate[] = [];
    let below = certificate;
    while (chain.length < MAX_DEPTH) {
      const issuer = authorities.find((one) => one.ca && below.checkIssued(one) && below.verify(one.publicKey));
      demandThat(issuer !== undefined, "fabric-certificate", { msp: mspId, subject: line(below.subject) });
      chain.push(issuer);
      demandThat(!isRevoked(below, issuer, lists), "fabric-revoked", { msp: mspId, subject: line(below.subject) });
      if (isRoot(issuer)) return chain;
      below = issuer;
    }
    throw new FabricFault("fabric-certificate", { msp: mspId, subject: line(certificate.subject) });
  }

  function identify(pem: Uint8Array): KnownIdentity {
    const certificate = readCertificate(pem);
    demandThat(!certificate.ca, "fabric-certificate", { msp: mspId, subject: line(certificate.subject) });
    const chain = chainOf(certificate);
    const key = certificate.publicKey;
    return {
      mspId,
      role: admins.has(certificate.fingerprint256) ? "admin" : roleOf(certificate, chain, units),
      from: certificate.validFromDate.getTime(),
      until: certificate.validToDate.getTime(),
      holder: `${mspId} ${sha256(key.export({ type: "spki", format: "der" })).toString("base64url")}`,
      key,
      fieldBytes: fieldBytesOf(key),
    };
  }

  /** One member has few certificates and signs much. */
  const known = new Map<string, KnownIdentity | FabricFault>();
  return {
    mspId,
    roots: roots.map(({ fingerprint256 }) => fingerprint256),
    identify(pem) {
      const name = Buffer.from(pem).toString("latin1");
      let found = known.get(name);
      if (found === undefined) {
        try {
          found = identify(pem);
        } catch (error) {
          if (!(error instanceof FabricFault)) throw error;
          found = error;
        }
        if (known.size < 10_000) known.set(name, found);
      }
      if (found instanceof FabricFault) throw found;
      return found;
    },
  };

  function roleOf(
    certificate: X509Certificate,
    chain: readonly X509Certificate[],
    rules: readonly UnitRule[] | undefined,
  ): Role | undefined {
    if (rules === undefined) return undefined;
    const own = unitsOf(certificate);
    const roles = rules.filter(
      ({ unit, certifier }) =>
        own.includes(unit) &&
        (certifier === undefined || chain.some(({ fingerprint256 }) => fingerprint256 === certifier)),
    );
    demandThat(roles.length === 1, "fabric-role", { msp: mspId, subject: line(certificate.subject) });
    return roles[0]!.role;
  }
}

/** Throws FabricFault fabric-dates unless the certificate is valid at `time`, milliseconds since the epoch. */
export function demandDates(identity: KnownIdentity, time: number): void {
  const holds = identity.from <= time && time <= identity.until;
  demandThat(holds, "fabric-dates", { msp: identity.mspId, time: Number.isFinite(time) ? time : "none" });
}

/** ECDSA over SHA-256 with a low s, or Ed25519, as Fabric's signers make them. */
export function isSignedBy(identity: KnownIdentity, data: Uint8Array, signature: Uint8Array): boolean {
  try {
    if (identity.fieldBytes === undefined) return verify(null, data, identity.key, signature);
    return isLowS(signature, identity.fieldBytes) && verify("sha256", data, identity.key, signature);
  } catch {
    return false;
  }
}

function fieldBytesOf(key: KeyObject): number | undefined {
  if (key.asymmetricKeyType === "ed25519") return undefined;
  const curve = key.asymmetricKeyType === "ec" ? key.asymmetricKeyDetails?.namedCurve : undefined;
  if (curve === "prime256v1") return 32;
  if (curve === "secp384r1") return 48;
  throw new FabricFault("fabric-certificate", { key: curve ?? key.asymmetricKeyType ?? "unknown" });
}

function unitRules(config: msp.FabricMSPConfig): readonly UnitRule[] {
  const units = config.getFabricNodeOus();
  const rule = (role: Role, found: msp.FabricOUIdentifier | undefined): UnitRule[] => {
    const unit = found?.getOrganizationalUnitIdentifier() ?? "";
    if (found === undefined || unit === "") return [];
    const certifier = found.getCertificate_asU8();
    return [{ role, unit, certifier: certifier.length === 0 ? undefined : readCertificate(certifier).fingerprint256 }];
  };
  return [
    ...rule("client", units?.getClientOuIdentifier()),
    ...rule("peer", units?.getPeerOuIdentifier()),
    ...rule("admin", units?.getAdminOuIdentifier()),
    ...rule("orderer", units?.getOrdererOuIdentifier()),
  ];
}

const unitsOf = ({ subject }: X509Certificate): readonly string[] =>
  subject
    .split("\n")
    .flatMap((part) => part.split(/(?<!\\)\+/))
    .filter((part) => part.startsWith("OU="))
    .map((part) => part.slice(3));

/** A list that its issuer did not sign says nothing; one in the issuer's name that cannot be verified is not passed over. */
function isRevoked(certificate: X509Certificate, issuer: X509Certificate, lists: readonly RevocationList[]): boolean {
  const serial = serialOf(Buffer.from(certificate.serialNumber, "hex"));
  const name = issuerNameOf(certificate.raw);
  return lists.some(({ issuer: by, serials, signed, signature }) => {
    if (!serials.has(serial)) return false;
    if (["sha256", "sha384", "sha512"].some((hash) => isVerified(hash, signed, issuer.publicKey, signature)))
      return true;
    demandThat(Buffer.compare(by, name) !== 0, "fabric-form", {
      what: "revocation list",
      subject: line(issuer.subject),
    });
    return false;
  });
}

function isVerified(hash: string, data: Uint8Array, key: KeyObject, signature: Uint8Array): boolean {
  try {
    return verify(hash, data, key, signature);
  } catch {
    return false;
  }
}

const readCertificate = (bytes: Uint8Array): X509Certificate =>
  decoded("certificate", () => new X509Certificate(bytes));

const line = (subject: string): string => subject.replaceAll("\n", ", ").slice(0, 200);

export const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};
