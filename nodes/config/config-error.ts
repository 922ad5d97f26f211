import type { Problem } from "../../policies/model/problem.ts";

/** Problems with what an operator wrote or keeps in the node folder. Every message names the key or file and the remedy. */
export const CONFIG_ERRORS = [
  "ERR_CONFIG_MISSING",
  "ERR_CONFIG_SYNTAX",
  "ERR_CONFIG_KEY",
  "ERR_CONFIG_ENVIRONMENT",
  "ERR_CONFIG_SECRET",
  "ERR_CONFIG_PASSPHRASE",
  "ERR_CONFIG_EXISTS",
] as const;

export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code: (typeof CONFIG_ERRORS)[number];
  /** One for each wrong key; `field` is the dotted key in sealane.json, for example `limits.bodyBytes`. */
  readonly problems: readonly Problem[];

  constructor(
    code: (typeof CONFIG_ERRORS)[number],
    message: string,
    options: { cause?: unknown; problems?: readonly Problem[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.problems = options.problems ?? [];
  }
}
