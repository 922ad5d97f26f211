/** `sealane node start`: runs the node in the foreground until Ctrl-C or SIGTERM; SIGHUP reloads its configuration. */
import type { Command } from "commander";
import type { RunningNode } from "../../runtime/node.ts";
import type { Cli } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { readPassphrase } from "../passphrase.ts";
import { failureOf, printFailure } from "../report.ts";

export function nodeStart(node: Command, { texts, action }: Cli): void {
  const { text } = texts;
  node
    .command("start")
    .description(text("cli.node.start"))
    .action(
      action(async (context) => {
        const { startNode } = await import("../../runtime/node.ts");
        const passphrase = await readPassphrase(context);
        const options = { dir: context.dir, ...(passphrase === undefined ? {} : { passphrase }) };
        const { surroundings } = context;
        let running = startNode(options);
        // A hang-up during the start waits for its end: unheard, it would end the process.
        const unsubscribe = surroundings.onReload(() => reload(running, context));
        try {
          while (await serve(await running, context)) running = startNode(options);
        } finally {
          unsubscribe();
        }
        const { api, peer } = (await running).address;
        return { json: { stopped: true, api, peer: peer ?? null }, human: "" };
      }),
    );
}

/** Until it is to stop. True when it is to start again: a write had failed, and there is room now. */
async function serve(running: RunningNode, context: CommandContext): Promise<boolean> {
  const { texts, surroundings } = context;
  const { api, peer } = running.address;
  context.note(texts.text("cli.node.start.ready", { api, peer: peer ?? texts.text("cli.node.start.outward") }));
  try {
    await Promise.race([aborted(surroundings.signal), running.mustRestart, running.fault]);
    return !surroundings.signal.aborted;
  } finally {
    await running.stop();
  }
}

/** A wrong file changes nothing: the node goes on and says why. */
async function reload(node: Promise<RunningNode>, { texts, surroundings, note }: CommandContext): Promise<void> {
  try {
    const running = await node;
    const keys = (await running.reload()).join(", ");
    note(keys === "" ? texts.text("cli.node.reloaded") : texts.text("cli.node.reloaded.restart", { keys }));
  } catch (error) {
    const failure = failureOf(error, texts, false);
    if (failure !== undefined) printFailure(failure, false, texts, surroundings);
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
