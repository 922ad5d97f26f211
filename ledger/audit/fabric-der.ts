/** The little DER that Fabric's evidence needs (ITU-T X.690): block headers, low-S signatures, revocation lists. */
import { FabricFault } from "./fabric-fault.ts";

const INTEGER = 0x02;
const OCTETS = 0x04;
const SEQUENCE = 0x30;
const VERSION = 0xa0;

export interface DerItem {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Tag, length and content. */
  readonly whole: Uint8Array;
}

/** The items one after the other. Throws FabricFault fabric-form. */
export function derItems(bytes: Uint8Array): readonly DerItem[] {
  const items: DerItem[] = [];
  for (let at = 0; at < bytes.length; ) {
    const start = at;
    const tag = bytes[at++];
    let length = bytes[at++] ?? -1;
    if (length > 0x80) {
      const size = length - 0x80;
      if (size > 4) throw new FabricFault("fabric-form", { what: "DER" });
      length = 0;
      for (let i = 0; i < size; i++) length = length * 256 + (bytes[at++] ?? 0);
    }
    if (tag === undefined || length < 0 || length === 0x80 || at + length > bytes.length) {
      throw new FabricFault("fabric-form", { what: "DER" });
    }
    items.push({ tag, content: bytes.subarray(at, at + length), whole: bytes.subarray(start, at + length) });
    at += length;
  }
  return items;
}

export const derSequence = (bytes: Uint8Array): readonly DerItem[] => {
  const [only, ...others] = derItems(bytes);
  if (only?.tag !== SEQUENCE || others.length > 0) throw new FabricFault("fabric-form", { what: "DER" });
  return derItems(only.content);
};

/** What the hash of a block is taken over: SEQUENCE {INTEGER number, OCTET STRING previous, OCTET STRING data hash}. */
export function headerBytes(header: {
  readonly number: number;
  readonly previous: Uint8Array;
  readonly data: Uint8Array;
}): Buffer {
  let hex = header.number.toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  if (Number.parseInt(hex.slice(0, 2), 16) >= 0x80) hex = `00${hex}`;
  return tagged(
    SEQUENCE,
    Buffer.concat([
      tagged(INTEGER, Buffer.from(hex, "hex")),
      tagged(OCTETS, header.previous),
      tagged(OCTETS, header.data),
    ]),
  );
}

/** Contents here are hashes: shorter than 128 bytes each. */
function tagged(tag: number, content: Uint8Array): Buffer {
  if (content.length > 127) throw new FabricFault("fabric-form", { what: "header" });
  return Buffer.concat([Buffer.of(tag, content.length), content]);
}

/** Halves of the orders of P-256 and P-384 (SEC 2): Fabric refuses a signature whose s is above. */
const HALF_ORDERS = new Map([
  [32, 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n >> 1n],
  [48, 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n >> 1n],
]);

/** `fieldBytes` of the key's curve. */
export function isLowS(signature: Uint8Array, fieldBytes: number): boolean {
  const s = derSequence(signature)[1];
  const half = HALF_ORDERS.get(fieldBytes);
  if (s?.tag !== INTEGER || half === undefined) return false;
  // Almost always told by the first bytes.
  const first = s.content[0] === 0 ? 1 : 0;
  if (s.content.length - first < fieldBytes || s.content[first]! < 0x7f) return s.content.length - first <= fieldBytes;
  return BigInt(`0x${Buffer.from(s.content).toString("hex")}`) <= half;
}

export interface RevocationList {
  /** DER of the issuer's name. */
  readonly issuer: Uint8Array;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  /** Hexadecimal, lower case, without leading zeros. */
  readonly serials: ReadonlySet<string>;
}

/** RFC 5280 section 5.1. `bytes` is DER or PEM. */
export function readRevocationList(bytes: Uint8Array): RevocationList {
  const text = Buffer.from(bytes).toString("latin1");
  const pem = /-----BEGIN [A-Z0-9 ]+-----([\s\S]*?)-----END /.exec(text)?.[1];
  const der = pem === undefined ? bytes : Buffer.from(pem, "base64");
  const [list, , signature] = derSequence(der);
  if (list === undefined || signature === undefined) throw new FabricFault("fabric-form", { what: "revocation list" });
  const fields = derItems(list.content);
  // The version is there in every list that has extensions.
  const rest = fields[0]?.tag === INTEGER ? fields.slice(1) : fields;
  const issuer = rest[1];
  const entries = rest.slice(3).find(({ tag }) => tag === SEQUENCE);
  if (issuer === undefined) throw new FabricFault("fabric-form", { what: "revocation list" });
  const serials = (entries === undefined ? [] : derItems(entries.content)).map((entry) =>
    serialOf(derItems(entry.content)[0]?.content ?? new Uint8Array()),
  );
  return {
    issuer: issuer.whole,
    signed: list.whole,
    signature: signature.content.subarray(1),
    serials: new Set(serials),
  };
}

/** DER of the name of a certificate's issuer, RFC 5280 section 4.1. `certificate` is DER. */
export function issuerNameOf(certificate: Uint8Array): Uint8Array {
  const [toBeSigned] = derSequence(certificate);
  const fields = derItems(toBeSigned?.content ?? new Uint8Array());
  // The version is there unless it is 1.
  const issuer = fields[fields[0]?.tag === VERSION ? 3 : 2];
  if (issuer === undefined) throw new FabricFault("fabric-form", { what: "certificate" });
  return issuer.whole;
}

export const serialOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString("hex")
    .replace(/^0+(?=.)/, "");
