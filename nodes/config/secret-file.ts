/**
 * Secrets on disk: one 0600 file each, sealed under a passphrase where there is one (scrypt, RFC 7914, then
 * AES-256-GCM with the secret's name as associated data). Without one the file mode is the only protection.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { closed } from "../../chaincode/rules/vocabulary.ts";
import { fromBase64url, toBase64url, utf8 } from "../../crypto/suites/encoding.ts";
import { overwriteFile } from "../store/atomic-file.ts";
import { ConfigError } from "./config-error.ts";

/** 128 MiB per guess (128 · N · r bytes). */
const SCRYPT = Object.freeze({ N: 2 ** 17, r: 8, p: 1 });
const SCRYPT_MEMORY_BYTES = 256 * 1024 * 1024;
const OTHERS_MAY_READ = 0o077;

const Bytes = Type.String({ pattern: "^[A-Za-z0-9_-]+$", maxLength: 65_536 });
const SecretFile = Type.Union([
  closed({ format: Type.Literal("sealane/secret/v1"), protection: Type.Literal("file-mode"), secret: Bytes }),
  closed({
    format: Type.Literal("sealane/secret/v1"),
    protection: Type.Literal("passphrase"),
    scrypt: closed({
      N: Type.Integer({ minimum: 2 ** 14, maximum: 2 ** 20 }),
      r: Type.Literal(8),
      p: Type.Integer({ minimum: 1, maximum: 4 }),
      salt: Bytes,
    }),
    nonce: Bytes,
    sealed: Bytes,
  }),
]);
type SecretFile = Static<typeof SecretFile>;
const check = Compile(SecretFile);

export async function writeSecret(path: string, secret: Uint8Array, passphrase: string | undefined): Promise<void> {
  const file =
    passphrase === undefined
      ? { format: "sealane/secret/v1", protection: "file-mode", secret: toBase64url(secret) }
      : await seal(secret, passphrase, nameOf(path));
  await overwriteFile(path, `${JSON.stringify(file)}\n`);
}

/** Throws ConfigError: ERR_CONFIG_SECRET (missing, damaged, readable by others), ERR_CONFIG_PASSPHRASE (needed or wrong). */
export async function readSecret(path: string, passphrase: string | undefined): Promise<Uint8Array> {
  const file = await readFileOf(path);
  if (file.protection === "file-mode") return fromBase64url(file.secret, path);
  if (passphrase === undefined) {
    throw new ConfigError(
      "ERR_CONFIG_PASSPHRASE",
      `${path}: sealed under a passphrase; set SEALANE_PASSPHRASE_FILE or SEALANE_PASSPHRASE`,
      { problems: [{ field: path, code: "passphrase-needed", parameters: {} }] },
    );
  }
  const key = await deriveKey(passphrase, fromBase64url(file.scrypt.salt, "salt"), file.scrypt);
  const sealed = fromBase64url(file.sealed, "sealed");
  const decipher = createDecipheriv("aes-256-gcm", key, fromBase64url(file.nonce, "nonce", 12));
  decipher.setAAD(utf8(nameOf(path)));
  decipher.setAuthTag(sealed.subarray(-16));
  try {
    return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]));
  } catch (cause) {
    throw new ConfigError("ERR_CONFIG_PASSPHRASE", `${path}: wrong passphrase, or the file was changed`, {
      cause,
      problems: [{ field: path, code: "passphrase-wrong", parameters: {} }],
    });
  }
}

/** What the secret is, whichever slot it lies in: the next key becomes the current one by a change of name. */
const nameOf = (path: string): string => basename(path).replace(/-next\.json$/, ".json");

/** Throws ERR_CONFIG_SECRET when others may read the file; a file that is missing is left to the reader. */
export async function demandPrivate(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const mode = await stat(path).then(
    (found) => found.mode,
    () => 0,
  );
  if ((mode & OTHERS_MAY_READ) === 0) return;
  throw new ConfigError("ERR_CONFIG_SECRET", `${path}: others may read it; run chmod 600 on it and on all of keys/`, {
    problems: [{ field: path, code: "secret-open-to-others", parameters: {} }],
  });
}

async function readFileOf(path: string): Promise<SecretFile> {
  let text: string;
  try {
    await demandPrivate(path);
    text = await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError("ERR_CONFIG_SECRET", `${path}: cannot be read; restore it from a backup`, {
      cause,
      problems: [{ field: path, code: "secret-unreadable", parameters: {} }],
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(path, cause);
  }
  if (check.Check(value)) return value;
  throw damaged(path);
}

const damaged = (path: string, cause?: unknown): ConfigError =>
  new ConfigError("ERR_CONFIG_SECRET", `${path}: not a secret file of this program; restore it from a backup`, {
    cause,
    problems: [{ field: path, code: "secret-damaged", parameters: {} }],
  });

async function seal(secret: Uint8Array, passphrase: string, name: string): Promise<SecretFile> {
  const salt = randomBytes(32);
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", await deriveKey(passphrase, salt, SCRYPT), nonce);
  cipher.setAAD(utf8(name));
  const sealed = Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
  return {
    format: "sealane/secret/v1",
    protection: "passphrase",
    scrypt: { ...SCRYPT, r: 8, salt: toBase64url(salt) },
    nonce: toBase64url(nonce),
    sealed: toBase64url(sealed),
  };
}

const deriveKey = (passphrase: string, salt: Uint8Array, cost: { N: number; r: number; p: number }): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const options = { N: cost.N, r: cost.r, p: cost.p, maxmem: SCRYPT_MEMORY_BYTES * 8 };
    scrypt(passphrase.normalize("NFKC"), salt, 32, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
