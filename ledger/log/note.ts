/** Signed notes, c2sp.org/signed-note@v1: text ending in newline, a blank line, signature lines. */
import { sha256 } from "../../crypto/suites/digest.ts";
import { concat, utf8 } from "../../crypto/suites/encoding.ts";
import { type PublicKey, SUITE_IDS, type SuiteId, suiteOf } from "../../crypto/suites/suite.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { LogError } from "./errors.ts";

/** What a key signs: the text itself, or a timestamped cosignature of it. */
export type NoteKind = "note" | "cosignature";

/**
 * signed-note "Signature types": 0x01 Ed25519 over the text, 0x04 timestamped cosignature; 0xff is for types "without an
 * identifier byte assigned", followed by a longer identifier.
 */
const TYPES: Readonly<Record<SuiteId, Readonly<Record<NoteKind, Uint8Array>>>> = {
  intl: { note: Uint8Array.of(0x01), cosignature: Uint8Array.of(0x04) },
  gm: {
    note: concat(Uint8Array.of(0xff), utf8("sealane/sm2-sm3/note/v1\0")),
    cosignature: concat(Uint8Array.of(0xff), utf8("sealane/sm2-sm3/cosignature/v1\0")),
  },
  // The same keys and signatures as those of intl; the suite that a member's record names tells them apart.
  "intl-pq": { note: Uint8Array.of(0x01), cosignature: Uint8Array.of(0x04) },
};

export const MAX_NOTE_BYTES = 1_000_000;
/** signed-note "Format": a limit is allowed if it is at least 16. A network has up to 1,000 cosigners. */
export const MAX_NOTE_SIGNATURES = 1_100;

/** A known key: what a verifier is configured with. */
export interface NoteKey extends PublicKey {
  readonly name: string;
  readonly kind: NoteKind;
  /** First four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key), big-endian. */
  readonly id: number;
}

/** Whose key signs a note. */
export interface NoteSigner {
  readonly suite: SuiteId;
  readonly privateKey: Uint8Array;
}

export interface NoteSignature {
  readonly name: string;
  readonly id: number;
  /** Without the four bytes of the key id. */
  readonly signature: Uint8Array;
}

export interface Note {
  /** Includes its final newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

// "Key names MUST be non-empty and MUST NOT contain any Unicode spaces or plus (U+002B) characters."
const KEY_NAME = /^[^\p{White_Space}\p{Cc}+]{1,255}$/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: "MUST NOT contain any ASCII control characters (those below U+0020) other than newline"
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/;
const SIGNATURE_LINE = /^\u2014 ([^ ]+) ([A-Za-z0-9+/]+={0,2})$/;

export function noteKey(name: string, kind: NoteKind, { suite, publicKey }: PublicKey): NoteKey {
  if (!KEY_NAME.test(name)) throw malformedKey(`name: expected no space or plus, got ${JSON.stringify(name)}`);
  const { publicKeyBytes } = suiteOf(suite);
  if (publicKey.length !== publicKeyBytes) {
    throw malformedKey(`public key: expected ${publicKeyBytes} bytes, got ${publicKey.length}`);
  }
  // signed-note "Signatures": key ID = SHA-256(key name || 0x0A || signature type || public key)[:4].
  const hash = sha256(utf8(`${name}\n`), TYPES[suite][kind], publicKey);
  return Object.freeze({ name, kind, id: Buffer.from(hash).readUInt32BE(0), suite, publicKey });
}

/** `<name>+<key id in hex>+<base64(type ‖ public key)>`, as golang.org/x/mod/sumdb/note writes verifier keys. */
export const encodeVerifierKey = (key: NoteKey): string =>
  `${key.name}+${key.id.toString(16).padStart(8, "0")}+${encodeBase64(concat(TYPES[key.suite][key.kind], key.publicKey))}`;

export function parseVerifierKey(text: string): NoteKey {
  const parts = /^([^+]{1,255})\+([0-9a-f]{8})\+([A-Za-z0-9+/=]{1,120})$/.exec(text);
  if (parts === null) throw malformedKey("verifier key: expected <name>+<8 hex digits>+<base64>");
  const [, name = "", id = "", material = ""] = parts;
  const bytes = decodeBase64(material);
  const type = bytes === undefined ? undefined : typeOf(bytes);
  if (bytes === undefined || type === undefined) {
    throw malformedKey(`verifier key: expected base64 of a known type and the key, got ${material}`);
  }
  const { suite, kind, length } = type;
  const key = noteKey(name, kind, { suite, publicKey: bytes.subarray(length) });
  if (key.id !== Number.parseInt(id, 16)) throw malformedKey(`verifier key: id ${id} is not of this name and key`);
  return key;
}

function typeOf(bytes: Uint8Array) {
  for (const suite of SUITE_IDS) {
    for (const kind of ["note", "cosignature"] as const) {
      const { length } = TYPES[suite][kind];
      if (Buffer.compare(TYPES[suite][kind], bytes.subarray(0, length)) === 0) return { suite, kind, length };
    }
  }
  return undefined;
}

/** Strict parse. Throws LogError ERR_LOG_NOTE_MALFORMED; verifies nothing. */
export function parseNote(note: string): Note {
  if (note.length > MAX_NOTE_BYTES) throw malformedNote(`expected at most ${MAX_NOTE_BYTES} characters`);
  if (!note.isWellFormed()) throw malformedNote("not valid Unicode");
  if (CONTROL.test(note)) throw malformedNote("control character");
  // "The text is separated from the signatures by the last empty line in the note."
  const blank = note.lastIndexOf("\n\n");
  if (blank < 0 || !note.endsWith("\n")) throw malformedNote("expected text, an empty line and signature lines");
  const lines = note.slice(blank + 2, -1).split("\n");
  if (lines.length > MAX_NOTE_SIGNATURES) throw malformedNote(`more than ${MAX_NOTE_SIGNATURES} signatures`);
  return { text: note.slice(0, blank + 1), signatures: lines.map(parseSignatureLine) };
}

export function formatNote(note: Note): string {
  const lines = note.signatures.map(({ name, id, signature }) => {
    const prefix = new Uint8Array(4);
    new DataView(prefix.buffer).setUint32(0, id);
    return `\u2014 ${name} ${encodeBase64(concat(prefix, signature))}\n`;
  });
  return `${note.text}\n${lines.join("")}`;
}

/** The key that `signer` signs with under this name. */
export const noteKeyOf = (name: string, kind: NoteKind, { suite, privateKey }: NoteSigner): NoteKey =>
  noteKey(name, kind, { suite, publicKey: suiteOf(suite).keyPair(privateKey).publicKey });

/** signed-note "Ed25519 signatures": RFC 8032 over the note text, or SM2 over it. */
export function signNote(text: string, name: string, signer: NoteSigner): NoteSignature {
  const { id } = noteKeyOf(name, "note", signer);
  return { name, id, signature: suiteOf(signer.suite).sign(signer.privateKey, utf8(text)) };
}

export const verifyNoteSignature = (key: NoteKey, text: string, signature: NoteSignature): boolean =>
  key.kind === "note" &&
  isBy(key, signature) &&
  suiteOf(key.suite).verify(key.publicKey, utf8(text), signature.signature);

/** "The tuple of key name and key ID uniquely identifies the key": both must match. */
export const isBy = (key: NoteKey, signature: NoteSignature): boolean =>
  key.name === signature.name && key.id === signature.id;

function parseSignatureLine(line: string): NoteSignature {
  const [, name = "", encoded = ""] = SIGNATURE_LINE.exec(line) ?? [];
  if (!KEY_NAME.test(name)) throw malformedNote("signature line: expected em dash, key name and base64");
  const bytes = decodeBase64(encoded);
  // "Signatures are the base64 encoding of 4+n bytes."
  if (bytes === undefined || bytes.length < 5) throw malformedNote("signature line: bad base64 or too short");
  return { name, id: Buffer.from(bytes).readUInt32BE(0), signature: bytes.slice(4) };
}

const malformedNote = (detail: string): LogError => new LogError("ERR_LOG_NOTE_MALFORMED", `signed note: ${detail}`);
const malformedKey = (detail: string): LogError => new LogError("ERR_LOG_KEY_MALFORMED", detail);
