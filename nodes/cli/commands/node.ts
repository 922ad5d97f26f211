import type { CommandGroup } from "../command.ts";
import { nodeInit } from "./node-init.ts";
import { nodeStart } from "./node-start.ts";

export const nodeCommands: CommandGroup = (program, cli) => {
  const node = program.command("node").description(cli.texts.text("cli.node"));
  nodeInit(node, cli);
  nodeStart(node, cli);
};
