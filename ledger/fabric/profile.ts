/** How a node reaches a Fabric network: written by `sealane fabric init`, or by hand for a network of a consortium. */
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { LedgerError } from "../port.ts";

const closed = <T extends Parameters<typeof Type.Object>[0]>(properties: T) =>
  Type.Object(properties, { additionalProperties: false });

const Name = Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,248}$" });
const Pem = Type.String({ pattern: "^-----BEGIN CERTIFICATE-----", maxLength: 100_000 });
const Endpoint = Type.String({ pattern: "^[A-Za-z0-9.-]+:\\d{1,5}$" });
const Path = Type.String({ minLength: 1, maxLength: 4_096 });

export const FabricProfile = closed({
  formatVersion: Type.Literal(1),
  channel: Name,
  chaincode: Name,
  /** The client's own organisation and identity; paths are relative to the profile's folder, or absolute. */
  client: closed({ mspId: Name, certificate: Path, key: Path }),
  /**
   * Peers, those of the own organisation first: the first that answers is used. They have a Gateway service, or `orderers` are
   * named and they are asked to endorse themselves: then with one of each organisation whose endorsement is needed.
   */
  gateways: Type.Array(
    closed({
      mspId: Name,
      /** host:port; the host is a name of the peer's TLS certificate. */
      endpoint: Endpoint,
      /** Roots of the peer's TLS certificate. */
      tlsRoots: Pem,
    }),
    { minItems: 1, maxItems: 100 },
  ),
  /** Ordering nodes, for a network whose peers have no Gateway service (Fabric before 2.4, or switched off). */
  orderers: Type.Optional(
    Type.Array(
      closed({
        /** host:port; the host is a name of the node's TLS certificate. */
        endpoint: Endpoint,
        /** Roots of its TLS certificate. */
        tlsRoots: Pem,
      }),
      { minItems: 1, maxItems: 100 },
    ),
  ),
  /**
   * Of the header of the channel's block 0, which holds its first configuration: everything that follows is verified from
   * there. `sealane fabric pin` prints it.
   */
  genesis: Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" }),
  /** Roots of the channel's organisations, pinned at joining: what certificates in blocks must lead to. */
  organisations: Type.Array(closed({ mspId: Name, kind: Type.Enum(["peer", "orderer"]), roots: Pem }), {
    minItems: 1,
    maxItems: 100,
  }),
});
export type FabricProfile = Static<typeof FabricProfile>;

const compiled = Compile(FabricProfile);

/** Throws LedgerError ERR_LEDGER_PROFILE naming what is wrong. `file` is for the message. */
export function parseProfile(text: string, file: string): FabricProfile {
  const value = parsed(text);
  if (compiled.Check(value)) return value;
  const [first] = compiled.Errors(value);
  const field = first?.instancePath.replace(/^\//, "").replaceAll("/", ".") || "the file";
  throw new LedgerError("ERR_LEDGER_PROFILE", `${file}: ${field}: ${first?.message ?? "is not JSON"}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
