/** Byte encodings of everything Sealane signs, hashes or stores. Binary values travel as unpadded base64url. */

const encoder = new TextEncoder();
export const utf8 = (text: string): Uint8Array => encoder.encode(text);

export const toBase64url = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url");

// What `toBase64url` writes: unused bits of the last letter are zero (RFC 4648 section 3.5).
const CANONICAL = /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$/;
/** Longer texts are quicker written again. */
const MAX_PATTERN = 1024;

/** Strict inverse of `toBase64url`: padding, other alphabets and non-zero trailing bits are refused with a RangeError. */
export function fromBase64url(text: string, label: string, length?: number): Uint8Array {
  const bytes = new Uint8Array(Buffer.from(text, "base64url"));
  const canonical = text.length <= MAX_PATTERN ? CANONICAL.test(text) : toBase64url(bytes) === text;
  if (!canonical) throw new RangeError(`${label}: not canonical base64url`);
  if (length !== undefined && bytes.length !== length) {
    throw new RangeError(`${label}: expected ${length} bytes, got ${bytes.length}`);
  }
  return bytes;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}
