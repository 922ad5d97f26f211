/** One run of the command line: arguments in, exit code out. Nothing here touches the process. */
import { Command, type CommanderError, Help } from "commander";
import { packageVersion } from "../boot/version.ts";
import { chooseLanguage, createTexts, LANGUAGES, type TextKey } from "../i18n/text.ts";
import type { Action, Cli } from "./command.ts";
import { COMMAND_GROUPS } from "./commands.ts";
import { createContext, type GlobalOptions } from "./context.ts";
import { EXIT } from "./errors.ts";
import { choice } from "./options.ts";
import { failureOf, printFailure, printOutcome } from "./report.ts";
import type { Surroundings } from "./surroundings.ts";

export async function runCli(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const asJson = argv.includes("--json");
  const texts = createTexts(chooseLanguage(languageIn(argv), surroundings.env));
  let exitCode: number = EXIT.ok;
  const cli: Cli = {
    texts,
    action:
      <O>(run: Action<O>) =>
      async (...input) => {
        const command = input.at(-1) as Command;
        const options = command.optsWithGlobals<GlobalOptions & O>();
        const context = createContext(options, texts, surroundings);
        const outcome = await run(context, options, ...(command.processedArgs as string[]));
        printOutcome(outcome, asJson, surroundings);
        exitCode = outcome.exitCode ?? EXIT.ok;
      },
  };
  try {
    await buildProgram(cli, surroundings).parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    const failure = failureOf(error, texts, surroundings.signal.aborted);
    if (failure === undefined) return (error as CommanderError).exitCode;
    printFailure(failure, asJson, texts, surroundings);
    return failure.exitCode;
  }
}

function buildProgram(cli: Cli, { write }: Surroundings): Command {
  const { text } = cli.texts;
  const titles: Readonly<Record<string, TextKey>> = {
    "Usage:": "cli.title.usage",
    "Arguments:": "cli.title.arguments",
    "Options:": "cli.title.options",
    "Commands:": "cli.title.commands",
  };
  const described = new Help().optionDescription;
  const program = new Command("sealane")
    .exitOverride()
    .configureOutput({
      writeOut: (message) => write("stdout", message),
      writeErr: (message) => write("stderr", message),
      outputError: () => undefined,
    })
    .configureHelp({
      styleTitle: (title) => (titles[title] === undefined ? title : text(titles[title])),
      optionDescription: (option) => `${described(option)}${option.mandatory ? text("cli.option.required") : ""}`,
    })
    .helpOption("-h, --help", text("cli.option.help"))
    .helpCommand("help [command]", text("cli.option.help"))
    .description(text("cli.description"))
    .version(packageVersion(), "-V, --version", text("cli.option.version"))
    .option("--dir <folder>", text("cli.option.dir"))
    .option("--json", text("cli.option.json"))
    .option("--lang <language>", text("cli.option.lang"), choice(LANGUAGES))
    .addHelpText("after", `\n${text("cli.exitCodes")}`);
  for (const group of COMMAND_GROUPS) group(program, cli);
  return program;
}

function languageIn(argv: readonly string[]): string | undefined {
  const index = argv.findIndex((word) => word === "--lang" || word.startsWith("--lang="));
  return index < 0 ? undefined : (/^--lang=(.*)$/.exec(argv[index] ?? "")?.[1] ?? argv[index + 1]);
}
