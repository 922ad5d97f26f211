/** Signed notes, c2sp.org/signed-note@v1: text ending in newline, a blank line, signature lines. */
import { sha256 } from "../../crypto/suites/digest.ts";
import { concat, utf8 } from "../../crypto/suites/encoding.ts";
import { intl } from "../../crypto/suites/intl.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { LogError } from "./errors.ts";

/** signed-note "Signature types": 0x01 Ed25519 over the text, 0x04 timestamped cosignature. */
export const NOTE_ED25519 = 0x01;
export const NOTE_COSIGNATURE = 0x04;
export type NoteKeyType = typeof NOTE_ED25519 | typeof NOTE_COSIGNATURE;

export const MAX_NOTE_BYTES = 1_000_000;
/** signed-note "Format": a limit is allowed if it is at least 16. A network has up to 1,000 cosigners. */
export const MAX_NOTE_SIGNATURES = 1_100;

/** A known key: what a verifier is configured with. */
export interface NoteKey {
  readonly name: string;
  readonly type: NoteKeyType;
  /** First four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key), big-endian. */
  readonly id: number;
  readonly publicKey: Uint8Array;
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

export function noteKey(name: string, type: NoteKeyType, publicKey: Uint8Array): NoteKey {
  if (!KEY_NAME.test(name)) throw malformedKey(`name: expected no space or plus, got ${JSON.stringify(name)}`);
  if (publicKey.length !== 32) throw malformedKey(`public key: expected 32 bytes, got ${publicKey.length}`);
  // signed-note "Signatures": key ID = SHA-256(key name || 0x0A || signature type || public key)[:4].
  const hash = sha256(utf8(`${name}\n`), Uint8Array.of(type), publicKey);
  return Object.freeze({ name, type, id: Buffer.from(hash).readUInt32BE(0), publicKey });
}

/** `<name>+<key id in hex>+<base64(type ‖ public key)>`, as golang.org/x/mod/sumdb/note writes verifier keys. */
export const encodeVerifierKey = (key: NoteKey): string =>
  `${key.name}+${key.id.toString(16).padStart(8, "0")}+${encodeBase64(concat(Uint8Array.of(key.type), key.publicKey))}`;

export function parseVerifierKey(text: string): NoteKey {
  const parts = /^([^+]{1,255})\+([0-9a-f]{8})\+([A-Za-z0-9+/=]{1,60})$/.exec(text);
  if (parts === null) throw malformedKey("verifier key: expected <name>+<8 hex digits>+<base64>");
  const [, name = "", id = "", material = ""] = parts;
  const bytes = decodeBase64(material);
  const type = bytes?.[0];
  if (bytes === undefined || (type !== NOTE_ED25519 && type !== NOTE_COSIGNATURE)) {
    throw malformedKey(`verifier key: expected base64 of type 0x01 or 0x04 and the key, got ${material}`);
  }
  const key = noteKey(name, type, bytes.subarray(1));
  if (key.id !== Number.parseInt(id, 16)) throw malformedKey(`verifier key: id ${id} is not of this name and key`);
  return key;
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

/** signed-note "Ed25519 signatures": RFC 8032 over the note text, key type 0x01. */
export function signNote(text: string, name: string, privateKey: Uint8Array): NoteSignature {
  const key = noteKey(name, NOTE_ED25519, intl.keyPair(privateKey).publicKey);
  return { name, id: key.id, signature: intl.sign(privateKey, utf8(text)) };
}

export const verifyNoteSignature = (key: NoteKey, text: string, signature: NoteSignature): boolean =>
  key.type === NOTE_ED25519 && isBy(key, signature) && intl.verify(key.publicKey, utf8(text), signature.signature);

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
