/**
 * A provider of records as a process of its own, on a real store and ledger: negotiations, transfers, deliveries and
 * retention. It plays cases one after another; in each it kills itself once, right before or right after one write. What
 * its consumer has heard lies in files beside it, and is asked again after each death.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { agreementIdOf } from "../../chaincode/rules/agreement-id.ts";
import { readAgreement } from "../../chaincode/rules/keys.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { verificationMessage } from "../../exchange/negotiation/compose.ts";
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import { transferCompletion, transferRequest } from "../../exchange/transfers/compose.ts";
import { PULL } from "../../exchange/transfers/formats.ts";
import type { TransferMessage } from "../../exchange/transfers/messages.ts";
import { transferProtocol } from "../../exchange/transfers/protocol.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import { openLevelStore } from "../../ledger/embedded/store.ts";
import type { Ledger } from "../../ledger/port.ts";
import type { DataspaceError } from "../dataspace/dataspace-error.ts";
import type { ProcessRecord } from "../dataspace/process-record.ts";
import { createProcesses } from "../dataspace/processes.ts";
import { openDatabase } from "../store/database.ts";
import { openRecords, type RecordStore } from "../store/records.ts";
import { ASSET, CONSUMER, OTHER, providerDisk, providerSide, releasePolicy } from "./_provider-side.ts";
import { agreementUuid } from "./agreements.ts";
import { createDeliveries } from "./deliveries.ts";
import { createProviderTransfers } from "./provider-transfers.ts";
import { createSnapshots } from "./snapshots.ts";
import { createSteering } from "./steering.ts";
import { createUsage, type DeliveryRecord } from "./usage.ts";
import { createWishes, isHolding } from "./wishes.ts";

/** The nth time in its case that something is written to this store, or handed in to the ledger. */
export interface RecordsDeath {
  readonly store: string;
  readonly op: "put" | "delete" | "submit";
  readonly nth: number;
  readonly when: "before" | "after";
}
export interface RecordsSetup {
  readonly dir: string;
  readonly cases: readonly RecordsDeath[];
}
export interface RecordsEnd {
  readonly used: number;
  /** Agreements as they are kept, marked, and as the ledger has them. */
  readonly kept: number;
  readonly held: number;
  readonly recorded: number;
  /** What transfers that are over have left behind. */
  readonly left: readonly string[];
  readonly gone: number;
}

const ROWS = 40_000;
const TABLE = `year\r\n${"2024\r\n".repeat(ROWS)}`;
const { dir, cases } = JSON.parse(process.argv[2] ?? "") as RecordsSetup;
mkdirSync(join(dir, "ledger"), { recursive: true });
mkdirSync(join(dir, "store"), { recursive: true });
let current = existsSync(join(dir, "current")) ? readFileSync(join(dir, "current"), "utf8") : "0";
let counts = new Map<string, number>();

async function mortally<T>(store: string, op: RecordsDeath["op"], write: () => Promise<T>): Promise<T> {
  const death = cases[Number(current)];
  const mark = join(dir, `died-${current}`);
  const isPoint = death?.store === store && death.op === op && !existsSync(mark);
  const nth = (counts.get(`${store} ${op}`) ?? 0) + 1;
  counts.set(`${store} ${op}`, nth);
  const die = (when: RecordsDeath["when"]) => {
    if (!isPoint || death.nth !== nth || death.when !== when) return;
    writeFileSync(mark, "");
    process.kill(process.pid, "SIGKILL");
  };
  die("before");
  const written = await write();
  die("after");
  return written;
}

const database = await openDatabase(join(dir, "store"));
function openStore<V>(name: string): RecordStore<V> {
  const store = openRecords<V>(database, name);
  return {
    ...store,
    put: (id, value) => mortally(name, "put", () => store.put(id, value)),
    delete: (id) => mortally(name, "delete", () => store.delete(id)),
  };
}

const policy = releasePolicy({ release: { elements: ["year"], formats: ["HttpData-PULL"], callsPerMinute: 1_000 } });
const disk = await providerDisk(policy, { log: await openLevelStore(join(dir, "ledger")), openStore });
const ledger: Ledger = {
  ...disk.ledger,
  submit: (transactions) => mortally("ledger", "submit", () => disk.ledger.submit(transactions)),
};
const side = providerSide(disk, ledger);
const now = () => disk.world.now;

const wishes = createWishes({ wishes: openStore("wishes"), holds: openStore("holds") });
const usage = createUsage({ counters: openStore("uses"), deliveries: openStore<DeliveryRecord>("deliveries"), now });
const records = openStore<ProcessRecord<Transfer, TransferMessage>>("transfers");
const provider = createProviderTransfers({
  ledger,
  agreements: disk.agreements,
  takesCalls: true,
  permission: (agreement) => side.permission(agreement),
  address: () => ({ "@type": "DataAddress", endpointType: "unused" }),
  endpointOf: async () => undefined,
  pushed: openStore("pushed"),
  sendSoon: () => undefined,
});
const deliver = createDeliveries({
  agreement: (id) => disk.agreements.get(agreementUuid(id)),
  async transfer(pid) {
    const kept = await records.get(pid);
    return kept?.side.document === undefined ? undefined : { peer: kept.peer, document: kept.side.document };
  },
  isHeld: async (pid) => isHolding(await wishes.get(pid)),
  permission: (agreement) => side.permission(agreement),
  snapshots: createSnapshots({
    folder: join(dir, "released"),
    tables: {
      async read(_id, _query, take) {
        await take({ columns: ["year"], rows: Array.from({ length: ROWS }, () => ["2024"]) });
        return true;
      },
    },
    records: openStore("snapshots"),
    pseudonymKey: async () => new Uint8Array(32),
    assertWritable: () => undefined,
  }),
  usage,
  newId: () => crypto.randomUUID(),
  now,
  onSent: async () => undefined,
});
const gone = openStore<true>("gone");
const transfers = createProcesses<Transfer, TransferMessage>({
  protocol: transferProtocol,
  records,
  open: openRecords<true>(database, "transfers-open", undefined, "unless-power-fails"),
  now,
  post: async () => ({ kind: "taken", answer: {} }),
  ask: async () => undefined,
  admits: provider.admits,
  ...createSteering({ wishes, provider, consumer: { next: async () => undefined } }),
  ended: {
    marks: openStore("ended"),
    gone,
    // Nothing stays: what is over goes at once.
    retention: { keptMs: 0, count: 100, bytes: 1 << 20, all: { count: 100, bytes: 1 << 20 } },
    async onForget({ pid }) {
      await usage.forget(pid);
      await wishes.forget(pid);
    },
    onError: (_pid, error) => console.error(error),
  },
  onError: (_pid, error) => console.error(error),
});

/** Whoever waits longer waits for ever: the test hears of it by the code of the end. */
const PATIENCE_MS = 60_000;
const until = async (isSo: () => Promise<boolean>): Promise<void> => {
  const since = performance.now();
  while (!(await isSo())) {
    if (performance.now() - since > PATIENCE_MS) throw new Error(`case ${current}: nothing moves`);
    await sleep(2);
  }
};
/** What the consumer says, again while the answer to what this side has said is still on its way. */
const said = (say: () => Promise<unknown>) =>
  until(async () =>
    say().then(
      () => true,
      (error: DataspaceError) => {
        if (error.code === "ERR_DATASPACE_CROSSED" || error.code === "ERR_DATASPACE_NOT_YET") return false;
        throw error;
      },
    ),
  );
const isTaken = (error: DataspaceError): boolean => error.said?.code === "pid-taken";

async function play(name: string): Promise<void> {
  // So many agreements as one consumer may have are not enough.
  const consumer = Number(name) % 2 === 0 ? CONSUMER : OTHER;
  const negotiation = (await side.asked({}, name, consumer)).providerPid;
  await until(async () => (await side.state(negotiation)) !== "REQUESTED");
  if ((await side.state(negotiation)) === "AGREED") {
    const verification = verificationMessage((await side.engine.find(negotiation))!.side.document!);
    const type = "ContractAgreementVerificationMessage";
    await said(() => side.engine.take(consumer.id, negotiation, verification, type));
  }
  await until(async () => (await side.state(negotiation)) === "FINALIZED");

  const request = transferRequest({
    consumerPid: name,
    agreementId: `urn:uuid:${agreementIdOf(negotiation, ASSET.id)}`,
    format: PULL,
    callbackAddress: "https://bureau.example/dsp/2025-1",
  });
  const pid = await transfers.takeFirst(consumer.id, request, "TransferRequestMessage").then(
    ({ providerPid }) => providerPid,
    (error: DataspaceError) => {
      // It is over, and forgotten: nothing is left to do but what a death has interrupted.
      if (isTaken(error)) return undefined;
      throw error;
    },
  );
  if (pid !== undefined) await fetched(name, consumer.id, pid);
  await until(async () => (await records.get(pid ?? "")) === undefined);
  await until(async () => (await ids("ended")).length === 0);
}

/** A half, a pause that the provider makes, the other half, and the consumer's word that it has everything. */
async function fetched(name: string, holder: string, pid: string): Promise<void> {
  const heard = join(dir, `heard-${name}`);
  const memory = existsSync(heard) ? JSON.parse(readFileSync(heard, "utf8")) : { tag: undefined, text: "", step: 0 };
  const remember = (change: object) => writeFileSync(heard, JSON.stringify(Object.assign(memory, change)));
  const state = async () => (await records.get(pid))?.side.document?.state;
  const isOver = async () => [undefined, "COMPLETED"].includes(await state());
  const read = async (most: number) => {
    await until(async () => (await state()) === "STARTED" && !isHolding(await wishes.get(pid)));
    const going = memory.tag === undefined ? {} : { range: `bytes=${memory.text.length}-`, ifRange: memory.tag };
    const ask = { transfer: pid, holder, range: undefined, ifRange: undefined, ifMatch: undefined, ...going };
    const { entityTag, from, pieces } = await deliver(ask);
    remember({ tag: entityTag, text: memory.text.slice(0, from) });
    for await (const piece of pieces()) {
      remember({ text: memory.text + piece.toString("utf8") });
      if (memory.text.length >= most) return;
    }
  };
  const wish = async (become: "SUSPENDED" | "STARTED") => {
    const wanted = become === "STARTED" ? { become } : { become, cause: causeOf("maintenance") };
    // As the operator's interface does: what is so already is not asked for.
    if ((await state()) !== become) await wishes.put(pid, wanted);
    transfers.poke(pid);
    await until(async () => (await state()) === become);
  };
  const steps = [
    () => read(TABLE.length / 2),
    () => wish("SUSPENDED"),
    () => wish("STARTED"),
    () => read(TABLE.length),
  ];
  while (memory.step < steps.length) {
    await steps[memory.step]!();
    remember({ step: memory.step + 1 });
  }
  if (memory.text !== TABLE) throw new Error(`${name}: other bytes than those of the table`);
  if (await isOver()) return;
  const completion = transferCompletion((await records.get(pid))!.side.document!);
  await said(() => transfers.take(holder, pid, completion, "TransferCompletionMessage"));
}

async function ids(store: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const [id] of openRecords(database, store).entries()) found.push(id);
  return found;
}

await side.engine.start();
await transfers.start();
flushCompileCache();
while (Number(current) < cases.length) {
  await play(current);
  counts = new Map();
  current = String(Number(current) + 1);
  writeFileSync(join(dir, "current"), current);
}
let recorded = 0;
for (const id of await ids("agreements")) {
  const kept = await disk.agreements.get(id);
  if ((await readAgreement(ledger, id))?.agreement.digest === digestOf(kept!.agreement)) recorded += 1;
}
const left = (
  await Promise.all(["transfers", "transfers-open", "deliveries", "wishes", "holds", "ended"].map(ids))
).flat();
const end: RecordsEnd = {
  ...{ used: await usage.used(ASSET.id), recorded, left },
  ...{ kept: (await ids("agreements")).length, held: (await ids("marks")).length, gone: (await ids("gone")).length },
};
process.stdout.write(JSON.stringify(end), () => process.exit(0));
