/** `sealane node start`: runs the node in the foreground until Ctrl-C or SIGTERM; SIGHUP reloads its configuration. */
import type { Command } from "commander";
import type { Cli } from "../command.ts";
import { readPassphrase } from "../passphrase.ts";

export function nodeStart(node: Command, { texts, action }: Cli): void {
  const { text } = texts;
  node
    .command("start")
    .description(text("cli.node.start"))
    .action(
      action(async (context) => {
        const { startNode } = await import("../../runtime/node.ts");
        const passphrase = await readPassphrase(context);
        const running = await startNode({ dir: context.dir, ...(passphrase === undefined ? {} : { passphrase }) });
        const { api, peer } = running.address;
        context.note(text("cli.node.start.ready", { api, peer: peer ?? text("cli.node.start.outward") }));
        const unsubscribe = context.surroundings.onReload(async () => {
          const restart = await running.reload();
          context.note(
            restart.length === 0
              ? text("cli.node.reloaded")
              : text("cli.node.reloaded.restart", { keys: restart.join(", ") }),
          );
        });
        await aborted(context.surroundings.signal);
        unsubscribe();
        await running.stop();
        return { json: { stopped: true, api, peer: peer ?? null }, human: "" };
      }),
    );
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
