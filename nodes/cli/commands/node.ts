import type { CommandGroup } from "../command.ts";
import { nodeInit } from "./node-init.ts";
import { nodeKeep } from "./node-keep.ts";
import { nodeStart } from "./node-start.ts";

/** `sealane node`: the node of this organisation. */
export const nodeCommands: CommandGroup = (program, cli) => {
  const node = program.command("node").description(cli.texts.text("cli.node"));
  nodeInit(node, cli);
  nodeStart(node, cli);
  nodeKeep(node, cli);
};
