/**
 * One side of a transfer as a process of its own, which kills itself right before or right after a state is on disk.
 * Two protocols' worth of engine, real store, HTTP; the data themselves are not part of it.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import { DATASPACE_PATH, joined } from "../../exchange/protocol/paths.ts";
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import { transferRequest, transferStart } from "../../exchange/transfers/compose.ts";
import { dataAddressOf } from "../../exchange/transfers/data-address.ts";
import { PULL } from "../../exchange/transfers/formats.ts";
import type { TransferMessage } from "../../exchange/transfers/messages.ts";
import { transferProtocol } from "../../exchange/transfers/protocol.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import { createDataspaceClient } from "../dataspace/client.ts";
import type { ProcessRecord } from "../dataspace/process-record.ts";
import { createProcesses } from "../dataspace/processes.ts";
import { addProcessRoutes } from "../http/dataspace/process-routes.ts";
import { createHttpApp, type HttpApp } from "../http/http-app.ts";
import { openDatabase } from "../store/database.ts";
import { openRecords, type RecordStore } from "../store/records.ts";
import { messageOf, type Wish } from "./wishes.ts";

export interface TransferCrashSetup {
  readonly name: string;
  readonly dir: string;
  readonly port: number;
  readonly peer: { readonly name: string; readonly port: number };
  /** Consumer: ids of transfers to begin; each is suspended, resumed and completed. */
  readonly begin: readonly string[];
  readonly deaths: Readonly<Record<string, { readonly when: "before" | "after"; readonly state: string }>>;
}
type Kept = ProcessRecord<Transfer, TransferMessage>;

const setup = JSON.parse(process.argv[2] ?? "") as TransferCrashSetup;
const base = (port: number) => `http://127.0.0.1:${port}${DATASPACE_PATH}`;

function dieAt(when: "before" | "after", { side }: Kept): void {
  const { document } = side;
  const death = setup.deaths[document?.consumerPid ?? ""];
  if (document === undefined || death?.when !== when || death.state !== document.state) return;
  const mark = join(setup.dir, `died-${document.consumerPid}`);
  if (existsSync(mark)) return;
  writeFileSync(mark, "");
  process.kill(process.pid, "SIGKILL");
}

const database = await openDatabase(setup.dir);
const records = openRecords<Kept>(database, "transfers");
const wishes = openRecords<Wish>(database, "wishes");
const mortal: RecordStore<Kept> = {
  ...records,
  async put(pid, record) {
    dieAt("before", record);
    await records.put(pid, record);
    dieAt("after", record);
  },
};
const address = (pid: string) =>
  dataAddressOf({
    endpoint: joined(base(setup.port), "data", pid),
    token: "t",
    expires: undefined,
    refresh: undefined,
  });

async function next({ side: { document, role }, pid }: Kept): Promise<TransferMessage | undefined> {
  if (document === undefined) return undefined;
  if (role === "provider") return document.state === "REQUESTED" ? transferStart(document, address(pid)) : undefined;
  const wish = await wishes.get(pid);
  return wish === undefined || wish.become === document.state
    ? undefined
    : messageOf(wish, document, role, () => transferStart(document));
}
const client = createDataspaceClient({ dispatcher: async () => undefined, authorize: () => `Bearer ${setup.name}` });
const transfers = createProcesses<Transfer, TransferMessage>({
  protocol: transferProtocol,
  records: mortal,
  open: openRecords<true>(database, "transfers-open", undefined, "unless-power-fails"),
  now: () => new Date().toISOString(),
  post: client.post,
  ask: client.get,
  admits: async () => undefined,
  next,
  onError: (_pid, error) => console.error(error),
  patience: { firstPauseMs: 20, longestPauseMs: 200, giveUpMs: 600_000, doubtfulTries: 1_000 },
});
const app = createHttpApp({ logger: pino({ level: "silent" }), maxBodyBytes: () => 1 << 20, requestTimeoutMs: 30_000 });
await app.register(
  async (scoped) => {
    scoped.addHook("onRequest", async (request) => {
      request.author = (request.headers.authorization ?? "").replace("Bearer ", "");
    });
    addProcessRoutes(scoped as HttpApp, transferProtocol, transfers);
  },
  { prefix: DATASPACE_PATH },
);
await app.listen({ host: "127.0.0.1", port: setup.port });
await transfers.start();

/** What the operator would do, one after another; each step is asked again after a crash. */
const STEPS: readonly Wish[] = [
  { become: "SUSPENDED", cause: causeOf("maintenance") },
  { become: "STARTED" },
  { become: "COMPLETED" },
];
const stateOf = async (pid: string) => (await transfers.find(pid))?.side.document?.state;
for (const pid of setup.begin) {
  const callbackAddress = base(setup.port);
  const message = transferRequest({ consumerPid: pid, agreementId: "urn:uuid:a", format: PULL, callbackAddress });
  await transfers.begin({ pid, peer: setup.peer.name, address: base(setup.peer.port), message });
  const done = openRecords<number>(database, "steps");
  while ((await stateOf(pid)) === undefined || (await stateOf(pid)) === "REQUESTED") await sleep(5);
  for (let step = (await done.get(pid)) ?? 0; step < STEPS.length; step++) {
    const wish = STEPS[step]!;
    await wishes.put(pid, wish);
    transfers.poke(pid);
    while ((await stateOf(pid)) !== wish.become) await sleep(5);
    await done.put(pid, step + 1);
  }
}
