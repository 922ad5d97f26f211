/** Signatures as Fabric wants them: ECDSA on P-256 over SHA-256, DER, with the lower of the two possible S. */
import { createPrivateKey, sign } from "node:crypto";
import { LedgerError } from "../port.ts";

/** Order of the group of P-256, SEC 2 section 2.4.2. */
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const HALF = N >> 1n;

/** Takes the message itself, not its digest. The Gateway's own signer is pure JavaScript and costs twice the rest of a call. */
export function createSigner(privateKey: string): (message: Uint8Array) => Promise<Uint8Array> {
  const key = createPrivateKey(privateKey);
  if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    const got = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType;
    throw new LedgerError("ERR_LEDGER_PROFILE", `client.key: expected an EC key on P-256, got ${got}`);
  }
  return async (message) => {
    const raw = sign("sha256", message, { key, dsaEncoding: "ieee-p1363" });
    const s = BigInt(`0x${raw.toString("hex", 32)}`);
    const low = s > HALF ? Buffer.from((N - s).toString(16).padStart(64, "0"), "hex") : raw.subarray(32);
    return sequence(integer(raw.subarray(0, 32)), integer(low));
  };
}

/** X.690 section 8.3: no leading zeros, except one before a set highest bit. */
function integer(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = bytes.subarray(first < 0 ? bytes.length - 1 : first);
  const content = digits[0]! >= 0x80 ? [0, ...digits] : [...digits];
  return Uint8Array.of(0x02, content.length, ...content);
}

function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  return Uint8Array.of(0x30, content.length, ...content);
}
