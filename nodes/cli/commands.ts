/** Every command group, in the order of the help text. */
import type { CommandGroup } from "./command.ts";

export const COMMAND_GROUPS: readonly CommandGroup[] = [];
