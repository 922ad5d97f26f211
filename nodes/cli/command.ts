/** The shape of a command group: adds its commands to the program and binds their actions. */
import type { Command } from "commander";
import type { Texts } from "../i18n/text.ts";
import type { CommandContext, Outcome } from "./context.ts";

/** Options arrive as commander parsed them; positional arguments follow in their order. */
export type Action<O> = (context: CommandContext, options: O, ...positional: string[]) => Promise<Outcome>;

export interface Cli {
  readonly texts: Texts;
  action<O = object>(run: Action<O>): (...input: unknown[]) => Promise<void>;
}

/** Adds one group of commands, for example `member admit | suspend | list`. */
export type CommandGroup = (program: Command, cli: Cli) => void;
