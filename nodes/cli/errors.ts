/** Errors of the command line and the exit codes that scripts may rely on. */
import type { Explainable } from "../i18n/explain.ts";

export const EXIT = Object.freeze({
  ok: 0,
  /** The operation was tried and failed, or was refused (by a policy, a member, the contract). */
  failed: 1,
  /** Wrong command, option or input file: nothing was tried. */
  usage: 2,
  /** The node (or the network) does not answer. */
  unreachable: 3,
  /** Evidence or a ledger did not verify. */
  unverified: 4,
  /** A wait ended before the thing waited for. */
  timeout: 5,
  interrupted: 130,
});

export const CLI_ERRORS = [
  "ERR_CLI_USAGE",
  "ERR_CLI_FILE_MISSING",
  "ERR_CLI_FILE_UNREADABLE",
  "ERR_CLI_FILE_EXISTS",
  "ERR_CLI_FILE_UNWRITABLE",
  "ERR_CLI_FILE_NOT_JSON",
  "ERR_CLI_FILE_TOO_LARGE",
  "ERR_CLI_DATE",
  "ERR_CLI_NOT_REFUSED",
  "ERR_CLI_FIGURE",
  "ERR_CLI_NO_NODE",
  "ERR_CLI_NO_LEDGER",
  "ERR_CLI_TOKEN_MISSING",
  "ERR_CLI_NODE_UNREACHABLE",
  "ERR_CLI_OTHER_NODE",
  "ERR_CLI_ANSWER_UNREADABLE",
  "ERR_CLI_PORT",
  "ERR_CLI_REFUSED",
  "ERR_CLI_NO_ENTRY",
  "ERR_CLI_NOTHING_WAITS",
  "ERR_CLI_DOWNLOAD_WRONG",
  "ERR_CLI_NOT_TRUST",
  "ERR_CLI_NOT_EVIDENCE",
  "ERR_CLI_PERSON",
  "ERR_CLI_PERSON_UNKNOWN",
  "ERR_CLI_NOT_TOKEN",
  "ERR_CLI_NO_REQUEST",
  "ERR_CLI_TRANSFER_COMPLETED",
  "ERR_CLI_TRANSFER_OF_OTHER",
] as const;
export type CliErrorCode = (typeof CLI_ERRORS)[number];

const EXIT_OF: Partial<Record<CliErrorCode, number>> = {
  ERR_CLI_NODE_UNREACHABLE: EXIT.unreachable,
  ERR_CLI_OTHER_NODE: EXIT.unreachable,
  ERR_CLI_ANSWER_UNREADABLE: EXIT.failed,
  ERR_CLI_PORT: EXIT.failed,
  ERR_CLI_REFUSED: EXIT.failed,
  ERR_CLI_NO_ENTRY: EXIT.failed,
  ERR_CLI_NOTHING_WAITS: EXIT.failed,
  ERR_CLI_DOWNLOAD_WRONG: EXIT.unverified,
  ERR_CLI_TRANSFER_COMPLETED: EXIT.failed,
  ERR_CLI_TRANSFER_OF_OTHER: EXIT.failed,
};

/** What a node answers when it refuses: RFC 9457 with a stable code, as nodes/http writes it. */
export interface Problem {
  readonly title?: string;
  readonly status?: number;
  readonly detail?: string;
  readonly code?: string;
  /** One entry per wrong field, where the node found several. */
  readonly errors?: readonly Explainable[];
}

/** The node answers, but what it needs for this does not. */
const UNREACHABLE = new Set([
  "ERR_LEDGER_UNREACHABLE",
  "ERR_LEDGER_NO_QUORUM",
  "ERR_PEER_UNREACHABLE",
  "ERR_PEER_TIMEOUT",
  "ERR_REQUEST_UNREACHABLE",
  "ERR_TRANSFER_OTHER_SIDE",
]);
const INPUT = new Set([
  "ERR_HTTP_INVALID",
  "ERR_REQUEST_INVALID",
  "ERR_TRANSFER_INVALID",
  "ERR_CATALOG_INVALID",
  "ERR_ASSET_POLICY_INVALID",
  "ERR_SOURCE_PATH",
  "ERR_SOURCE_FORMAT",
  "ERR_SOURCE_ENCODING",
]);

/** Exit code of a failure that carries the code of another folder. */
export function exitCodeOf(code: string): number {
  if (code === "ERR_LEDGER_CORRUPT" || code === "ERR_LEDGER_FORK") return EXIT.unverified;
  if (code === "ERR_NETWORK_NOT_ADMITTED_YET") return EXIT.timeout;
  if (UNREACHABLE.has(code)) return EXIT.unreachable;
  return INPUT.has(code) ||
    /^ERR_CONFIG_|^ERR_NETWORK_(?:INVITATION|KIND|NO_)|^ERR_FABRIC_(?:BINARY|EXISTS|NO_)/.test(code)
    ? EXIT.usage
    : EXIT.failed;
}

export class CliError extends Error {
  override readonly name = "CliError";
  readonly code: CliErrorCode;
  /** Fill the placeholders of the error's text. */
  readonly parameters: Readonly<Record<string, string | number>>;
  /** What the node answered, when it refused. */
  readonly problem: Problem | undefined;

  constructor(
    code: CliErrorCode,
    parameters: Readonly<Record<string, string | number>> = {},
    options: { cause?: unknown; problem?: Problem } = {},
  ) {
    const details = Object.entries(parameters).map(([name, value]) => `${name}: ${value}`);
    super(`${code} (${details.join(", ")})`, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.parameters = parameters;
    this.problem = options.problem;
  }

  get exitCode(): number {
    return EXIT_OF[this.code] ?? EXIT.usage;
  }
}
