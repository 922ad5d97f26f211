/** The bearer token of the management interface: `<dir>/token`, 0600, until people have accounts. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { overwriteFile } from "../store/atomic-file.ts";
import { ConfigError } from "./config-error.ts";
import { demandPrivate } from "./secret-file.ts";

export const TOKEN_FILE = "token";

export const writeApiToken = (dir: string, random: (bytes: number) => Uint8Array): Promise<void> =>
  overwriteFile(join(dir, TOKEN_FILE), `${toBase64url(random(32))}\n`);

export async function readApiToken(dir: string): Promise<string> {
  const path = join(dir, TOKEN_FILE);
  await demandPrivate(path);
  const text = await readFile(path, "utf8").catch((cause) => {
    throw new ConfigError("ERR_CONFIG_SECRET", `${path}: cannot be read; "sealane node init" writes it`, {
      cause,
      problems: [{ field: path, code: "secret-unreadable", parameters: {} }],
    });
  });
  const token = text.trim();
  if (token.length >= 32) return token;
  throw new ConfigError("ERR_CONFIG_SECRET", `${path}: expected at least 32 characters, got ${token.length}`, {
    problems: [{ field: path, code: "token-too-short", parameters: { limit: 32, got: token.length } }],
  });
}
