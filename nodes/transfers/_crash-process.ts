/**
 * One side of transfers, as a process of its own (see `_crash-side.ts`); the data themselves are not part of it. A
 * consumerPid begins with its path: `completed` after a pause of the consumer's, `held` if after one of the provider's,
 * `stopped` in it by the consumer, or `refused`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { joined } from "../../exchange/protocol/paths.ts";
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import {
  transferRequest,
  transferStart,
  transferSuspension,
  transferTermination,
} from "../../exchange/transfers/compose.ts";
import { dataAddressOf } from "../../exchange/transfers/data-address.ts";
import { PULL } from "../../exchange/transfers/formats.ts";
import type { TransferMessage } from "../../exchange/transfers/messages.ts";
import { transferProtocol } from "../../exchange/transfers/protocol.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import { openCrashSide } from "../dataspace/_crash-side.ts";
import type { KeptTransfer } from "./plane-parts.ts";
import { createSteering } from "./steering.ts";
import { createWishes, type Wish } from "./wishes.ts";

const side = await openCrashSide();
const wishes = createWishes({ wishes: side.store("wishes"), holds: side.store("holds") });
const done = side.store<number>("steps");
const PAUSE = { become: "SUSPENDED", cause: causeOf("maintenance") } satisfies Wish;
const source = (pid: string) =>
  dataAddressOf({ endpoint: joined(side.base, "data", pid), token: "t", expires: undefined, refresh: undefined });

const steering = createSteering({
  wishes,
  consumer: { next: async () => undefined },
  provider: {
    start: ({ pid }, document) => transferStart(document, source(pid)),
    async next({ pid }, document) {
      if (document.state !== "REQUESTED") return await paused(pid, document);
      const isRefused = document.consumerPid.startsWith("refused.");
      return isRefused
        ? transferTermination(document, causeOf("asset-withdrawn"))
        : transferStart(document, source(pid));
    },
  },
});
/** Of a `held` one the provider's operator wants one pause, and its end. */
async function paused(pid: string, document: Transfer): Promise<TransferMessage | undefined> {
  if (!document.consumerPid.startsWith("held.") || (await done.get(pid)) === 1) return undefined;
  const wish: Wish = document.state === "STARTED" ? PAUSE : { become: "STARTED" };
  if (document.state !== "STARTED" && document.state !== "SUSPENDED") return undefined;
  await wishes.put(pid, wish);
  if (wish === PAUSE) return transferSuspension(document, PAUSE.cause);
  await done.put(pid, 1);
  return transferStart(document, source(pid));
}

const starts = ({ history = [] }: Pick<KeptTransfer, "history">) =>
  history.filter(({ message }) => message === "TransferStartMessage").length;
const transfers = await side.serve(transferProtocol, steering, ({ state }, record) =>
  state === "STARTED" && starts(record) > 1 ? "STARTED again" : state,
);

/** What the consumer's operator would do, one after another; each step is asked again after a crash. */
const STEPS: Readonly<Record<string, readonly Wish[]>> = {
  completed: [PAUSE, { become: "STARTED" }, { become: "COMPLETED" }],
  held: [{ become: "COMPLETED" }],
  stopped: [PAUSE, { become: "TERMINATED", cause: causeOf("enough") }],
  refused: [],
};
const stateOf = async (pid: string) => (await transfers.find(pid))?.side.document?.state;
for (const pid of side.setup.begin) {
  const about = { consumerPid: pid, agreementId: "urn:uuid:a", format: PULL, callbackAddress: side.base };
  const { name, address } = side.peer;
  await transfers.begin({ pid, peer: name, address, message: transferRequest(about) });
  while ((await stateOf(pid)) === undefined || (await stateOf(pid)) === "REQUESTED") await sleep(5);
  const isHeld = pid.startsWith("held.");
  while (isHeld && starts((await transfers.find(pid))!) < 2) await sleep(5);
  const steps = STEPS[pid.split(".")[0] ?? ""] ?? [];
  for (let step = (await done.get(pid)) ?? 0; step < steps.length; step++) {
    const wish = steps[step]!;
    await wishes.put(pid, wish);
    transfers.poke(pid);
    while ((await stateOf(pid)) !== wish.become) await sleep(5);
    await done.put(pid, step + 1);
  }
}
