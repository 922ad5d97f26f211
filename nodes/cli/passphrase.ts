/** The passphrase of the private keys: from SEALANE_PASSPHRASE_FILE, else SEALANE_PASSPHRASE, else none. */
import { readEnvironment } from "../config/environment.ts";
import type { CommandContext } from "./context.ts";

export async function readPassphrase(context: CommandContext): Promise<string | undefined> {
  const { passphrase, passphraseFile } = readEnvironment(context.surroundings.env);
  if (passphraseFile === undefined) return passphrase;
  return (await context.readText(passphraseFile)).replace(/\r?\n$/, "");
}
