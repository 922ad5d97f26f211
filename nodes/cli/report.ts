/**
 * Output rules. stdout holds data only: text for people, or with `--json` exactly one object, also when a command
 * fails. Everything else (progress, notes, errors for people) goes to stderr.
 */
import { inspect } from "node:util";
import { CommanderError } from "commander";
import { type Explainable, explain, explainAt, technical } from "../i18n/explain.ts";
import { createTexts, type TextKey, type Texts } from "../i18n/text.ts";
import type { Outcome } from "./context.ts";
import { CliError, EXIT, exitCodeOf, type Problem } from "./errors.ts";
import type { Surroundings } from "./surroundings.ts";

export interface Failure {
  readonly exitCode: number;
  readonly code: string;
  readonly message: string;
  /** What the node or the library said, in English. */
  readonly detail?: string;
  readonly errors?: readonly Explainable[];
}

export function printOutcome({ json, human }: Outcome, asJson: boolean, { write }: Surroundings): void {
  if (asJson) write("stdout", `${JSON.stringify(json)}\n`);
  else if (human !== "") write("stdout", `${human}\n`);
}

export function printFailure(failure: Failure, asJson: boolean, texts: Texts, { write }: Surroundings): void {
  const { exitCode: _, ...error } = failure;
  if (asJson) write("stdout", `${JSON.stringify({ error })}\n`);
  const errors = failure.errors ?? [];
  const lines = [`sealane: ${failure.message} [${failure.code}]`];
  // The list below says the same as the detail, field by field.
  if (failure.detail !== undefined && errors.length === 0) lines.push(`  ${technical(failure.detail, texts)}`);
  for (const problem of errors) lines.push(`  - ${explainAt(problem, texts)}`);
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
  const [, value = "", wanted = ""] = /argument '([^']*)' is invalid\. (.*)$/s.exec(error.message) ?? [];
  const suggestion = /Did you mean (?:one of )?(.*)\?/.exec(error.message)?.[1];
  const hints = suggestion === undefined ? [] : [texts.text("cli.usage.didYouMean", { suggestion })];
  const sentences = [texts.text(key, { word, value, wanted }), ...hints, texts.text("cli.usage.seeHelp")];
  const message = sentences.join(texts.language === "zh-CN" ? "" : " ");
  return { exitCode: EXIT.usage, code: "ERR_CLI_USAGE", message };
}

function problemFailure(problem: Problem, error: CliError, texts: Texts): Failure {
  const code = problem.code ?? error.code;
  const message = texts.error(code, error.parameters) ?? texts.error(error.code, error.parameters) ?? error.message;
  return failure(exitCodeOf(code), code, message, problem.detail, problem.errors);
}

const failure = (
  exitCode: number,
  code: string,
  message: string,
  detail: string | undefined,
  errors: readonly Explainable[] | undefined,
): Failure => ({
  exitCode,
  code,
  message,
  ...(detail === undefined || detail === message ? {} : { detail }),
  ...(errors === undefined || errors.length === 0 ? {} : { errors }),
});

const ENGLISH = createTexts("en");

/** Errors of functions called in this process: the ones of our folders carry a stable code. */
function localFailure(error: unknown, texts: Texts): Failure {
  const { code, message, problems, rejection, answer } = error as LocalError;
  if (typeof code === "string" && code.startsWith("ERR_")) {
    const found = (problems ?? []).map((problem) => ({
      ...problem,
      detail: problem.detail ?? explain(problem, ENGLISH),
    }));
    const said = rejection ?? answer;
    const errors = said === undefined ? found : [{ ...said, detail: message ?? "" }];
    return failure(exitCodeOf(code), code, texts.error(code) ?? message ?? code, message, errors);
  }
  if ((error as NodeJS.ErrnoException).syscall === "listen") {
    const { address, port } = error as { address?: string; port?: number };
    const parameters = { address: `${address}:${port}`, reason: String(code) };
    return failure(EXIT.failed, "ERR_CLI_PORT", texts.error("ERR_CLI_PORT", parameters) ?? "", undefined, undefined);
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : inspect(error);
  return failure(EXIT.failed, "ERR_CLI_INTERNAL", texts.text("error.ERR_CLI_INTERNAL"), detail, undefined);
}

interface LocalError {
  readonly code?: unknown;
  readonly message?: string;
  readonly problems?: readonly Explainable[];
  readonly rejection?: { readonly code: string; readonly field?: string };
  /** What another member's node answered. */
  readonly answer?: { readonly code?: string };
}
