/** The private keys of a node under `<dir>/keys/`: identity seed and TLS key, apart from the configuration. */
import { X509Certificate } from "node:crypto";
import { access, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { concat, utf8 } from "../../crypto/suites/encoding.ts";
import { type SigningIdentity, signingIdentity } from "../../crypto/suites/signed.ts";
import { SUITE_IDS, type SuiteId } from "../../crypto/suites/suite.ts";
import { pinOfCertificate } from "../peer/tls-pin.ts";
import { overwriteFile, syncFolder } from "../store/atomic-file.ts";
import { ConfigError } from "./config-error.ts";
import { readSecret, writeSecret } from "./secret-file.ts";
import type { TlsIdentity } from "./tls-certificate.ts";

export const KEYS_FOLDER = "keys";
/** `next` holds a key pair between its making and the ledger's word that it counts. */
export type KeySlot = "current" | "next";

export interface NodeKeys {
  readonly identity: SigningIdentity;
  readonly tls: TlsIdentity;
}

const paths = (dir: string, slot: KeySlot) => {
  const suffix = slot === "current" ? "" : "-next";
  const folder = join(dir, KEYS_FOLDER);
  return {
    folder,
    identity: join(folder, `identity${suffix}.json`),
    tlsKey: join(folder, `tls-key${suffix}.json`),
    tlsCertificate: join(folder, `tls-certificate${suffix}.pem`),
  };
};

export async function writeKeys(
  dir: string,
  slot: KeySlot,
  keys: { suite: SuiteId; seed: Uint8Array; tls: TlsIdentity },
  passphrase: string | undefined,
): Promise<void> {
  const path = paths(dir, slot);
  await writeSecret(path.tlsKey, utf8(keys.tls.privateKey), passphrase);
  await overwriteFile(path.tlsCertificate, keys.tls.certificate);
  // Last, so that its presence means that the others are there.
  await writeSecret(path.identity, concat(nameOf(keys.suite), keys.seed), passphrase);
}

const SEED_BYTES = 32;
/** The suite stands before the seed: one file changes its name at once, two would not. */
const nameOf = (suite: SuiteId): Uint8Array => utf8(`${suite}\0`);

/** Throws ConfigError, as `readSecret`. */
export async function readIdentity(
  dir: string,
  slot: KeySlot,
  member: string,
  passphrase: string | undefined,
): Promise<SigningIdentity> {
  const { identity: path } = paths(dir, slot);
  const secret = await readSecret(path, passphrase);
  const name = secret.subarray(0, -SEED_BYTES);
  // A seed alone is one of intl: so it was written while there was no other suite.
  const suite = name.length === 0 ? "intl" : SUITE_IDS.find((id) => Buffer.compare(nameOf(id), name) === 0);
  if (suite === undefined || secret.length < SEED_BYTES) {
    throw new ConfigError("ERR_CONFIG_SECRET", `${path}: holds no key of a known suite; restore it from a backup`, {
      problems: [{ field: path, code: "secret-unreadable", parameters: {} }],
    });
  }
  return signingIdentity(member, suite, secret.slice(-SEED_BYTES));
}

/** Whether a rotation left keys whose place is not settled yet. */
export const haveNextKeys = (dir: string): Promise<boolean> =>
  access(paths(dir, "next").identity).then(
    () => true,
    () => false,
  );

export async function readKeys(
  dir: string,
  slot: KeySlot,
  member: string,
  passphrase: string | undefined,
): Promise<NodeKeys> {
  const path = paths(dir, slot);
  const identity = await readIdentity(dir, slot, member, passphrase);
  const privateKey = Buffer.from(await readSecret(path.tlsKey, passphrase)).toString("utf8");
  const certificate = await readFile(path.tlsCertificate, "utf8").catch((cause) => {
    throw new ConfigError("ERR_CONFIG_SECRET", `${path.tlsCertificate}: cannot be read; restore it from a backup`, {
      cause,
      problems: [{ field: path.tlsCertificate, code: "secret-unreadable", parameters: {} }],
    });
  });
  return {
    identity,
    tls: { privateKey, certificate, pin: pinOfCertificate(new X509Certificate(certificate)) },
  };
}

/** The `next` keys become the current ones. Safe to repeat after a crash in between. */
export async function promoteNextKeys(dir: string): Promise<void> {
  const from = paths(dir, "next");
  const to = paths(dir, "current");
  const move = (source: string, target: string) =>
    rename(source, target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
  await move(from.tlsKey, to.tlsKey);
  await move(from.tlsCertificate, to.tlsCertificate);
  await move(from.identity, to.identity);
  await syncFolder(to.folder);
}

export async function dropNextKeys(dir: string): Promise<void> {
  const path = paths(dir, "next");
  await Promise.all([path.identity, path.tlsKey, path.tlsCertificate].map((file) => rm(file, { force: true })));
}
