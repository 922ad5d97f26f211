/** `sealane node init`: makes a node folder with configuration, keys, TLS certificate and API token. */
import { access } from "node:fs/promises";
import { join } from "node:path";
import type { MemberRecord } from "../../chaincode/rules/transactions.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { signingIdentity } from "../../crypto/suites/signed.ts";
import type { SuiteId } from "../../crypto/suites/suite.ts";
import { writeApiToken } from "../config/api-token.ts";
import { ConfigError } from "../config/config-error.ts";
import { CONFIG_FILE, type NodeConfig, parseConfig } from "../config/node-config.ts";
import type { NodeKeys } from "../config/node-keys.ts";
import { writeKeys } from "../config/node-keys.ts";
import { createTlsIdentity } from "../config/tls-certificate.ts";
import { createFile } from "../store/atomic-file.ts";
import type { Effects } from "./effects.ts";

export interface InitOptions {
  readonly dir: string;
  /** Contents of sealane.json: required keys and whatever differs from the defaults. `formatVersion` is added. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Of the network that this node is to found or join. Default `intl`. */
  readonly suite?: SuiteId;
  readonly passphrase?: string;
  readonly effects: Effects;
}

/** Throws ConfigError: a wrong key, or ERR_CONFIG_EXISTS when the folder already holds a node. Nothing is overwritten. */
export async function initNode(options: InitOptions): Promise<{ readonly config: NodeConfig; readonly keyId: string }> {
  const { dir, effects, suite = "intl" } = options;
  const raw = { formatVersion: 1, ...options.config };
  const config = parseConfig(raw);
  const file = join(dir, CONFIG_FILE);
  if (await exists(file)) {
    throw new ConfigError("ERR_CONFIG_EXISTS", `${file}: there is a node already; choose another folder`);
  }
  const seed = effects.random(32);
  const tls = await createTlsIdentity({
    member: config.member.id,
    endpoint: config.peer?.endpoint,
    now: effects.now(),
    serial: effects.random(15),
  });
  await writeKeys(dir, "current", { suite, seed, tls }, options.passphrase);
  await writeApiToken(dir, effects.random);
  // Last: a folder with a configuration is a whole node.
  await createFile(file, `${JSON.stringify(raw, null, 2)}\n`, 0o644);
  return { config, keyId: signingIdentity(config.member.id, suite, seed).key };
}

/** What this node founds a network or applies for membership with. */
export function memberRecordOf(config: NodeConfig, keys: NodeKeys, fabric: MemberRecord["fabric"]): MemberRecord {
  const { identity, tls } = keys;
  return {
    ...structuredClone(config.member),
    identity: { key: identity.key, suite: identity.suite, publicKey: toBase64url(identity.publicKey) },
    tls: tls.pin,
    ...(config.peer === undefined ? {} : { endpoint: config.peer.endpoint }),
    ...(fabric === undefined ? {} : { fabric }),
  };
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
