/** Standard padded base64 (RFC 4648 section 4), which the C2SP formats use; everything else in Sealane is base64url. */

export const encodeBase64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");

/** Undefined unless `text` is exactly what `encodeBase64` writes (padding and zero trailing bits included). */
export function decodeBase64(text: string, length?: number): Uint8Array | undefined {
  const bytes = new Uint8Array(Buffer.from(text, "base64"));
  if (encodeBase64(bytes) !== text) return undefined;
  return length === undefined || bytes.length === length ? bytes : undefined;
}
