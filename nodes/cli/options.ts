/** Parsers of option values; each names what it wanted. */
import { InvalidArgumentError } from "commander";
import { CliError } from "./errors.ts";

/** Repeatable option: `--attribute a=1 --attribute b=2`. */
export const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export const integer =
  (minimum: number, maximum: number) =>
  (value: string): number => {
    const number = Number(value);
    if (Number.isInteger(number) && number >= minimum && number <= maximum) return number;
    throw new InvalidArgumentError(`${minimum}…${maximum}`);
  };

export const choice =
  (allowed: readonly string[]) =>
  (value: string): string => {
    if (allowed.includes(value)) return value;
    throw new InvalidArgumentError(allowed.join(" | "));
  };

/** `name=value` */
export function pair(option: string, text: string): readonly [name: string, value: string] {
  const at = text.indexOf("=");
  if (at < 1) throw new CliError("ERR_CLI_USAGE", { reason: `${option} ${text}: name=value` });
  return [text.slice(0, at), text.slice(at + 1)];
}
