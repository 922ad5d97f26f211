/** One node of the crash suite as its own process: it waits warm until it is told which one, and kills as it is ordered. */

import { open } from "node:fs/promises";
import { flushCompileCache } from "node:module";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Level } from "level";
import type { ObservedMessage } from "../peer/client.ts";
import { startNode } from "../runtime/node.ts";
import { LEDGER_FOLDER } from "../runtime/open-ledger.ts";
import { disk } from "../store/atomic-file.ts";
import { type FromNode, NO_ORDERS, type Orders, type ToNode, type Trap } from "./node-messages.ts";
import { openSentLog } from "./sent-log.ts";
import { createStepReader, type Moment } from "./steps.ts";

const say = (message: FromNode): void => void process.send?.(message);

let orders: Orders = NO_ORDERS;
let traps: { readonly trap: Trap; seen: number }[] = [];
/** Since the last orders, and how many of them into the ledger's store. */
let writes = { any: 0, ledger: 0 };
const kills = new Set<NodeJS.Timeout>();

function spring({ trap }: { readonly trap: Trap }): void {
  traps = traps.filter((one) => one.trap !== trap);
  const { act, when } = trap;
  if (act === "tell") {
    say({ kind: "sprung" });
    return;
  }
  const kill = () => {
    try {
      process.kill(act.kill === 0 ? process.pid : act.kill, "SIGKILL");
    } catch {
      // It has died of something else meanwhile.
    }
  };
  if (when.kind === "write" || when.delayMs === 0) kill();
  else kills.add(setTimeout(kill, when.delayMs));
}

function onStep(names: readonly string[], moment: Moment): void {
  for (const armed of [...traps]) {
    const { when } = armed.trap;
    if (when.kind !== "step" || when.moment !== moment || !names.includes(when.step)) continue;
    armed.seen += 1;
    if (armed.seen === when.nth) spring(armed);
  }
}

function onWrite(moment: Moment, isLedger: boolean): void {
  if (moment === "before") writes = { any: writes.any + 1, ledger: writes.ledger + Number(isLedger) };
  for (const armed of [...traps]) {
    const { when } = armed.trap;
    if (when.kind !== "write" || when.moment !== moment || (when.store === "ledger" && !isLedger)) continue;
    if (writes[when.store] >= when.nth) spring(armed);
  }
}

type Methods = Record<string, (...all: unknown[]) => Promise<unknown>>;

/** Every write of the stores and every fsync of a single file passes here. */
async function watchWrites(): Promise<void> {
  const stores = Level.prototype as unknown as Methods;
  for (const name of ["_put", "_del", "_batch"]) watch(stores, name, isSynced, "LEVEL_IO_ERROR");
  // The ledger's writes: a batch that is filled first.
  const begin = stores._chainedBatch as unknown as (this: Methods) => Methods;
  (stores as unknown as { _chainedBatch: typeof begin })._chainedBatch = function () {
    const batch = begin.call(this);
    watch(batch, "_write", isSynced, "LEVEL_IO_ERROR");
    return batch;
  };
  const file = await open("/dev/null");
  const files = Object.getPrototypeOf(file) as Methods;
  for (const name of ["sync", "datasync"]) watch(files, name, () => true, "ENOSPC");
  await file.close();
  for (const name of Object.keys(disk)) watch(disk as unknown as Methods, name, () => true, "ENOSPC");
}

interface Store {
  readonly location?: string;
  readonly db?: Store;
}
const locationOf = ({ location, db }: Store): string => location ?? db?.location ?? "";

const isSynced = (all: readonly unknown[]): boolean => (all.at(-1) as { sync?: boolean } | undefined)?.sync === true;

function watch(owner: Methods, name: string, isSlow: (all: readonly unknown[]) => boolean, code: string): void {
  const original = owner[name]!;
  owner[name] = async function (this: unknown, ...all: unknown[]) {
    const isLedger = basename(locationOf(this as Store)) === LEDGER_FOLDER;
    onWrite("before", isLedger);
    if (orders.isFull) throw Object.assign(new Error("No space left on device"), { code });
    if (orders.slowMs > 0 && isSlow(all)) await sleep(orders.slowMs);
    const result = await original.apply(this, all);
    onWrite("after", isLedger);
    return result;
  };
}

/** Ends with SIGTERM; after a failed write that was mended the node starts again, as `sealane node start` does it. */
async function run({ dir, sent }: Extract<ToNode, { kind: "start" }>): Promise<void> {
  await watchWrites();
  const log = openSentLog(sent);
  const stepsOf = createStepReader();
  const observe = (message: ObservedMessage): void => {
    log(message);
    onStep(stepsOf(message), message.direction === "sent" ? "before" : "after");
  };
  let isStopping = false;
  const stop = new Promise<void>((resolve) =>
    process.once("SIGTERM", () => {
      isStopping = true;
      resolve();
    }),
  );
  while (!isStopping) {
    const node = await startNode({ dir, observe });
    say({ kind: "ready" });
    await Promise.race([stop, node.mustRestart]);
    await node.stop();
  }
}

process.on("message", (message: ToNode) => {
  if (message.kind === "orders") {
    orders = message.orders;
    writes = { any: 0, ledger: 0 };
    traps = orders.traps.map((trap) => ({ trap, seen: 0 }));
    for (const timer of kills) clearTimeout(timer);
    kills.clear();
    return say({ kind: "ordered" });
  }
  run(message).then(
    () => process.exit(0),
    (error: unknown) => {
      say({ kind: "failed", error: error instanceof Error ? `${error.stack}` : String(error) });
      setTimeout(() => process.exit(1), 200);
    },
  );
});
// Nobody who is killed leaves it to the next one.
flushCompileCache();
process.on("SIGINT", () => undefined);
// Whoever drives this is gone: so is this.
process.once("disconnect", () => process.exit(1));
