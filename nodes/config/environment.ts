/** The only file that knows names of environment variables. Values are passed on as arguments. */
import { ConfigError } from "./config-error.ts";

const PREFIX = "SEALANE_";
const NAMES = ["SEALANE_DIR", "SEALANE_PASSPHRASE", "SEALANE_PASSPHRASE_FILE", "SEALANE_LANG"] as const;

export interface Environment {
  /** Node folder, when the command line names none. */
  readonly dir: string | undefined;
  /** Opens the private keys. The file wins over the plain value. */
  readonly passphrase: string | undefined;
  readonly passphraseFile: string | undefined;
  /** Locale as the system writes it, for example `zh_CN.UTF-8`. */
  readonly language: string | undefined;
}

/** Throws ConfigError on a SEALANE_ variable that does not exist: a typing error must not be ignored. */
export function readEnvironment(source: Readonly<Record<string, string | undefined>> = process.env): Environment {
  const known: readonly string[] = NAMES;
  const unknown = Object.keys(source).filter((name) => name.startsWith(PREFIX) && !known.includes(name));
  if (unknown.length > 0) {
    throw new ConfigError(
      "ERR_CONFIG_ENVIRONMENT",
      `${unknown.join(", ")}: unknown environment variable; known are ${NAMES.join(", ")}`,
      {
        problems: unknown.map((field) => ({
          field,
          code: "environment-unknown",
          parameters: { known: NAMES.join(", ") },
        })),
      },
    );
  }
  return Object.freeze({
    dir: source.SEALANE_DIR,
    passphrase: source.SEALANE_PASSPHRASE,
    passphraseFile: source.SEALANE_PASSPHRASE_FILE,
    language: source.SEALANE_LANG ?? source.LC_ALL ?? source.LANG,
  });
}
