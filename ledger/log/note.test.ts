import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  encodeVerifierKey,
  formatNote,
  MAX_NOTE_SIGNATURES,
  noteKey,
  noteKeyOf,
  parseNote,
  parseVerifierKey,
  signNote,
  verifyNoteSignature,
} from "./note.ts";

// golang.org/x/mod/sumdb/note, example_test.go and note_test.go.
const VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const SEED = new Uint8Array(Buffer.from("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz", "base64").subarray(1));
const TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER =
  "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH =
  "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";
// c2sp.org/signed-note: the example of the specification, with blank lines in its text.
const QUASIMODO =
  "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n" +
  "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";

describe("signed notes", () => {
  it("sign the published example byte for byte", () => {
    expect(
      formatNote({ text: TEXT, signatures: [signNote(TEXT, "PeterNeumann", { suite: "intl", privateKey: SEED })] }),
    ).toBe(`${TEXT}\n${PETER}`);
  });

  it("verify the published example, alone and beside another signature", () => {
    const key = parseVerifierKey(VKEY);
    expect(key.id).toBe(0xc74f20a3);
    for (const note of [parseNote(`${TEXT}\n${PETER}`), parseNote(`${TEXT}\n${PETER}${ENOCH}`)]) {
      expect(note.text).toBe(TEXT);
      expect(note.signatures[0]).toMatchObject({ name: "PeterNeumann", id: 0xc74f20a3 });
      expect(verifyNoteSignature(key, note.text, note.signatures[0]!)).toBe(true);
      expect(verifyNoteSignature(key, `${note.text}x\n`, note.signatures[0]!)).toBe(false);
    }
  });

  it("split text and signatures at the last empty line, as in the specification's example", () => {
    const note = parseNote(QUASIMODO);
    expect(note.text.endsWith("\n\ned è subito sera.\n")).toBe(true);
    expect(note.signatures).toHaveLength(1);
    expect(formatNote(note)).toBe(QUASIMODO);
  });

  it("come back as they were written", () => {
    const name = fc.stringMatching(/^[a-z0-9./-]{1,30}$/);
    const signature = fc.record({
      name,
      id: fc.nat(0xffffffff),
      signature: fc.uint8Array({ minLength: 1, maxLength: 80 }),
    });
    const line = fc.stringMatching(/^[ -~\u00a0-\u024f]{0,40}$/);
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1, maxLength: 6 }),
        fc.array(signature, { minLength: 1, maxLength: 5 }),
        (lines, signatures) => {
          const note = { text: `${lines.join("\n")}\n`, signatures };
          expect(parseNote(formatNote(note))).toEqual(note);
        },
      ),
    );
  });

  it.each([
    ["no blank line", `${TEXT}${PETER}`],
    ["no final newline", `${TEXT}\n${PETER.slice(0, -1)}`],
    ["no signature", `${TEXT}\n`],
    ["empty", ""],
    ["carriage return", `${TEXT}\n${PETER.replace("\n", "\r\n")}`],
    ["tab", `a\tb\n\n${PETER}`],
    ["NUL", `a\u0000b\n\n${PETER}`],
    ["lone surrogate", `\ud800\n\n${PETER}`],
    ["hyphen for em dash", `${TEXT}\n${PETER.replace("—", "-")}`],
    ["plus in the key name", `${TEXT}\n${PETER.replace("PeterNeumann", "Peter+Neumann")}`],
    ["Unicode space in the key name", `${TEXT}\n${PETER.replace("PeterNeumann", "Peter\u00a0Neumann")}`],
    ["two spaces", `${TEXT}\n${PETER.replace(" x08", "  x08")}`],
    ["base64url alphabet", `${TEXT}\n${PETER.replace("/", "_")}`],
    ["missing padding", `${TEXT}\n${PETER.replace("=", "")}`],
    ["non-zero trailing bits", `${TEXT}\n${PETER.replace("AM=", "AN=")}`],
    ["signature shorter than a key id", `${TEXT}\n— PeterNeumann AAAA\n`],
    ["too many signatures", `${TEXT}\n${PETER.repeat(MAX_NOTE_SIGNATURES + 1)}`],
    ["over a megabyte", `${"a".repeat(1_000_001)}\n\n${PETER}`],
  ])("are refused with %s", (_name, text) => {
    expect(() => parseNote(text)).toThrow(expect.objectContaining({ code: "ERR_LOG_NOTE_MALFORMED" }));
  });

  it("accept the sixteen signatures the specification demands, and a thousand cosigners", () => {
    expect(parseNote(`${TEXT}\n${PETER.repeat(1001)}`).signatures).toHaveLength(1001);
  });
});

describe("verifier keys", () => {
  it("are written as published", () => {
    expect(encodeVerifierKey(parseVerifierKey(VKEY))).toBe(VKEY);
  });

  it("are refused after any cut or changed character", () => {
    for (let from = 0; from <= VKEY.length; from++) {
      for (let to = from + 1; to <= VKEY.length; to++) {
        if (from !== 0 || to !== VKEY.length) expect(() => parseVerifierKey(VKEY.slice(from, to))).toThrow();
      }
    }
    for (let at = 0; at < VKEY.length; at++) {
      const next = String.fromCharCode(VKEY.charCodeAt(at) + 1);
      expect(() => parseVerifierKey(VKEY.slice(0, at) + next + VKEY.slice(at + 1))).toThrow();
    }
  });

  it.each([
    "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
    "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
  ])("of wrong length or unknown algorithm are refused: %s", (text) => {
    expect(() => parseVerifierKey(text)).toThrow(expect.objectContaining({ code: "ERR_LOG_KEY_MALFORMED" }));
  });

  it("give one key two ids for two signature types", () => {
    const key = parseVerifierKey(VKEY);
    expect(noteKey("a", "note", key).id).not.toBe(noteKey("a", "cosignature", key).id);
  });

  it("of suite gm carry the long identifier after 0xff that signed-note asks for", () => {
    for (const kind of ["note", "cosignature"] as const) {
      const key = noteKeyOf("a", kind, { suite: "gm", privateKey: SEED });
      const text = encodeVerifierKey(key);
      expect(parseVerifierKey(text)).toEqual(key);
      const material = Buffer.from(text.split("+").slice(2).join("+"), "base64");
      expect(material[0]).toBe(0xff);
      expect(material.subarray(1).toString("latin1").startsWith(`sealane/sm2-sm3/${kind}/v1\0`)).toBe(true);
    }
  });
});
