import { type ParseArgsConfig, parseArgs } from "node:util";

/** What a developer's tool was started with. Prints its usage and ends the process: 0 for `--help`, 2 for what it does not know. */
export function toolOptions<const T extends NonNullable<ParseArgsConfig["options"]>>(usage: string, options: T) {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: "boolean" } } });
    if ((values as { help?: boolean }).help !== true)
      return values as ReturnType<typeof parseArgs<{ options: T }>>["values"];
    console.log(`usage: ${usage}`);
    process.exit(0);
  } catch (error) {
    return wrongOptions(usage, (error as Error).message);
  }
}

export function wrongOptions(usage: string, problem: string): never {
  console.error(`${problem}\nusage: ${usage}`);
  process.exit(2);
}
