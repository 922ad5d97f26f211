/** One node of the crash suite as its own process, which waits warm until it is told which one, and kills as it is armed. */

import { open } from "node:fs/promises";
import { Level } from "level";
import { startNode } from "../runtime/node.ts";
import type { FromNode, ToNode, Trap } from "./node-messages.ts";
import { openSentLog } from "./sent-log.ts";
import { createStepReader, type Moment } from "./steps.ts";

const say = (message: FromNode): void => void process.send?.(message);

let traps: { readonly trap: Trap; seen: number }[] = [];

function spring({ trap }: { readonly trap: Trap }): void {
  traps = traps.filter((one) => one.trap !== trap);
  const kill = () => {
    try {
      process.kill(trap.kill === 0 ? process.pid : trap.kill, "SIGKILL");
    } catch {
      // It has died of something else meanwhile.
    }
  };
  if (trap.when.kind === "write" || trap.when.delayMs === 0) kill();
  else setTimeout(kill, trap.when.delayMs);
}

function onStep(names: readonly string[], moment: Moment): void {
  for (const armed of [...traps]) {
    const { when } = armed.trap;
    if (when.kind !== "step" || when.moment !== moment || !names.includes(when.step)) continue;
    armed.seen += 1;
    if (armed.seen === when.nth) spring(armed);
  }
}

let writes = 0;
function onWrite(moment: Moment): void {
  if (moment === "before") writes += 1;
  for (const armed of [...traps]) {
    const { when } = armed.trap;
    if (when.kind === "write" && when.moment === moment && writes >= when.nth) spring(armed);
  }
}

type Methods = Record<string, (...all: unknown[]) => Promise<unknown>>;

/** Every write of the stores and every fsync of a single file passes here. */
async function watchWrites(): Promise<void> {
  const stores = Level.prototype as unknown as Methods;
  for (const name of ["_put", "_del", "_batch"]) watch(stores, name);
  const file = await open("/dev/null");
  const files = Object.getPrototypeOf(file) as Methods;
  for (const name of ["sync", "datasync"]) watch(files, name);
  await file.close();
}

function watch(owner: Methods, name: string): void {
  const original = owner[name]!;
  owner[name] = async function (this: unknown, ...all: unknown[]) {
    onWrite("before");
    const result = await original.apply(this, all);
    onWrite("after");
    return result;
  };
}

async function start({ dir, sent }: Extract<ToNode, { kind: "start" }>): Promise<void> {
  await watchWrites();
  const log = openSentLog(sent);
  const stepsOf = createStepReader();
  const node = await startNode({
    dir,
    observe: (message) => {
      log(message);
      onStep(stepsOf(message), message.direction === "sent" ? "before" : "after");
    },
  });
  process.once("SIGTERM", () => void node.stop().then(() => process.exit(0)));
  say({ kind: "ready" });
}

process.on("message", (message: ToNode) => {
  if (message.kind === "arm") {
    writes = 0;
    traps = message.traps.map((trap) => ({ trap, seen: 0 }));
    return;
  }
  start(message).catch((error: unknown) => {
    say({ kind: "failed", error: error instanceof Error ? `${error.stack}` : String(error) });
    process.exitCode = 1;
    process.disconnect?.();
  });
});
process.on("SIGINT", () => undefined);
// Whoever drives this is gone: so is this.
process.once("disconnect", () => process.exit(1));
