/**
 * Output rules. stdout holds data only: text for people, or with `--json` exactly one object, also when a command
 * fails. Everything else (progress, notes, errors for people) goes to stderr.
 */
import { inspect } from "node:util";
import { CommanderError } from "commander";
import type { TextKey, Texts } from "../i18n/text.ts";
import type { Outcome } from "./context.ts";
import { CliError, EXIT, type Problem } from "./errors.ts";
import type { Surroundings } from "./surroundings.ts";

export interface Failure {
  readonly exitCode: number;
  readonly code: string;
  readonly message: string;
  /** What the node or the library said, in English. */
  readonly detail?: string;
  readonly problems?: Problem["problems"];
}

export function printOutcome({ json, human }: Outcome, asJson: boolean, { write }: Surroundings): void {
  if (asJson) write("stdout", `${JSON.stringify(json)}\n`);
  else if (human !== "") write("stdout", `${human}\n`);
}

export function printFailure(failure: Failure, asJson: boolean, texts: Texts, { write }: Surroundings): void {
  const { exitCode: _, ...error } = failure;
  if (asJson) write("stdout", `${JSON.stringify({ error })}\n`);
  const lines = [`sealane: ${failure.message} [${failure.code}]`];
  if (failure.detail !== undefined) lines.push(`  ${failure.detail}`);
  for (const { field, code, message } of failure.problems ?? []) {
    const reason = code === undefined ? "" : (texts.error(code) ?? texts.reason(code));
    lines.push(`  - ${[field, reason, message].filter((part) => part !== undefined && part !== "").join(": ")}`);
  }
  write("stderr", `${lines.join("\n")}\n`);
}

const COMMANDER_TEXTS: Readonly<Record<string, TextKey>> = {
  "commander.unknownOption": "cli.usage.unknownOption",
  "commander.unknownCommand": "cli.usage.unknownCommand",
  "commander.missingArgument": "cli.usage.missingArgument",
  "commander.optionMissingArgument": "cli.usage.optionMissingArgument",
  "commander.missingMandatoryOptionValue": "cli.usage.missingMandatoryOption",
  "commander.excessArguments": "cli.usage.excessArguments",
  "commander.invalidArgument": "cli.usage.invalidArgument",
};

/** Undefined where commander already printed what was asked for (help, version). */
export function failureOf(error: unknown, texts: Texts, interrupted: boolean): Failure | undefined {
  if (error instanceof CommanderError) return usageFailure(error, texts);
  if (interrupted)
    return {
      exitCode: EXIT.interrupted,
      code: "ERR_CLI_INTERRUPTED",
      message: texts.text("error.ERR_CLI_INTERRUPTED"),
    };
  if (error instanceof CliError && error.problem !== undefined) return problemFailure(error.problem, error, texts);
  if (error instanceof CliError) {
    return {
      exitCode: error.exitCode,
      code: error.code,
      message: texts.error(error.code, error.parameters) ?? error.message,
    };
  }
  return localFailure(error, texts);
}

function usageFailure(error: CommanderError, texts: Texts): Failure | undefined {
  if (error.code === "commander.help") {
    return { exitCode: EXIT.usage, code: "ERR_CLI_USAGE", message: texts.text("cli.usage.missingCommand") };
  }
  const key = COMMANDER_TEXTS[error.code];
  if (key === undefined) return undefined;
  const word = /'([^']*)'/.exec(error.message)?.[1] ?? "";
  const suggestion = /Did you mean (?:one of )?(.*)\?/.exec(error.message)?.[1];
  const hint = suggestion === undefined ? "" : ` ${texts.text("cli.usage.didYouMean", { suggestion })}`;
  const message = `${texts.text(key, { word })}${hint} ${texts.text("cli.usage.seeHelp")}`;
  return { exitCode: EXIT.usage, code: "ERR_CLI_USAGE", message };
}

function problemFailure(problem: Problem, error: CliError, texts: Texts): Failure {
  const code = problem.code ?? error.code;
  const known = texts.error(code, error.parameters);
  return {
    exitCode: error.exitCode,
    code,
    message: known ?? problem.title ?? texts.error(error.code, error.parameters) ?? error.message,
    ...(problem.detail === undefined ? {} : { detail: problem.detail }),
    ...(problem.problems === undefined ? {} : { problems: problem.problems }),
  };
}

/** Errors of functions called in this process: the ones of our folders carry a stable code. */
function localFailure(error: unknown, texts: Texts): Failure {
  const { code, message, exitCode } = error as { code?: unknown; message?: string; exitCode?: number };
  if (typeof code === "string" && code.startsWith("ERR_")) {
    const known = texts.error(code);
    return {
      exitCode: exitCode ?? EXIT.failed,
      code,
      message: known ?? message ?? code,
      ...(known === undefined || message === undefined ? {} : { detail: message }),
    };
  }
  return {
    exitCode: EXIT.failed,
    code: "ERR_CLI_INTERNAL",
    message: texts.text("error.ERR_CLI_INTERNAL"),
    detail: error instanceof Error ? (error.stack ?? error.message) : inspect(error),
  };
}
