/**
 * One participant as a process of its own, which kills itself without warning at points it is given: right before or
 * right after a state is on disk, before the other side hears of it. Each point counts once.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import {
  agreementMessage,
  eventMessage,
  firstRequest,
  verificationMessage,
} from "../../exchange/negotiation/compose.ts";
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { DATASPACE_PATH } from "../../exchange/protocol/paths.ts";
import type { TransferMessage } from "../../exchange/transfers/messages.ts";
import { transferProtocol } from "../../exchange/transfers/protocol.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import { addDataspaceRoutes } from "../http/dataspace/dataspace-routes.ts";
import { createHttpApp } from "../http/http-app.ts";
import { openDatabase } from "../store/database.ts";
import { openRecords, type RecordStore } from "../store/records.ts";
import { createDataspaceClient } from "./client.ts";
import type { ProcessRecord } from "./process-record.ts";
import { createProcesses } from "./processes.ts";

export interface CrashSetup {
  readonly name: string;
  readonly dir: string;
  readonly port: number;
  readonly peer: { readonly name: string; readonly port: number };
  /** Consumer: ids of negotiations to begin. */
  readonly begin: readonly string[];
  /** By consumerPid: `before` or `after` this state is on disk. */
  readonly deaths: Readonly<Record<string, { readonly when: "before" | "after"; readonly state: string }>>;
}
type Kept = ProcessRecord<Negotiation, NegotiationMessage>;

const setup = JSON.parse(process.argv[2] ?? "") as CrashSetup;
const address = (port: number) => `http://127.0.0.1:${port}`;
const now = () => new Date().toISOString();
const terms = { target: "beta:panel", permission: [{ action: "use" }] };

function dieAt(when: "before" | "after", { side }: Kept): void {
  const { document } = side;
  const death = setup.deaths[document?.consumerPid ?? ""];
  if (document === undefined || death?.when !== when || death.state !== document.state) return;
  const mark = join(setup.dir, `died-${document.consumerPid}`);
  if (existsSync(mark)) return;
  writeFileSync(mark, "");
  process.kill(process.pid, "SIGKILL");
}

async function next({ side: { document, role }, pid, peer }: Kept): Promise<NegotiationMessage | undefined> {
  if (document?.state === "REQUESTED" && role === "provider") {
    const parties = { assigner: setup.name, assignee: peer, timestamp: now() };
    return agreementMessage(document, { "@id": `urn:uuid:${pid}`, "@type": "Agreement", ...terms, ...parties });
  }
  if (document?.state === "AGREED" && role === "consumer") return verificationMessage(document);
  if (document?.state === "VERIFIED" && role === "provider") return eventMessage(document, "FINALIZED");
  return undefined;
}

const database = await openDatabase(setup.dir);
const records = openRecords<Kept>(database, "negotiations");
const mortal: RecordStore<Kept> = {
  ...records,
  async put(pid, record) {
    dieAt("before", record);
    await records.put(pid, record);
    dieAt("after", record);
  },
};
const client = createDataspaceClient({
  dispatcher: async () => undefined,
  authorize: () => `Bearer ${setup.name}`,
});
const shared = {
  now,
  post: client.post,
  ask: client.get,
  admits: async () => undefined,
  onError: (_pid: string, error: unknown) => console.error(error),
  patience: { firstPauseMs: 20, longestPauseMs: 200, giveUpMs: 600_000, doubtfulTries: 1_000 },
};
const negotiations = createProcesses<Negotiation, NegotiationMessage>({
  ...shared,
  protocol: negotiationProtocol,
  records: mortal,
  open: openRecords<true>(database, "negotiations-open", undefined, "unless-power-fails"),
  next,
});
const transfers = createProcesses<Transfer, TransferMessage>({
  ...shared,
  protocol: transferProtocol,
  records: openRecords(database, "transfers"),
  open: openRecords<true>(database, "transfers-open"),
  next: async () => undefined,
});
const app = createHttpApp({ logger: pino({ level: "silent" }), maxBodyBytes: () => 1 << 20, requestTimeoutMs: 30_000 });
addDataspaceRoutes(app, {
  authenticate: async ({ authorization }) => ({ id: (authorization ?? "").replace("Bearer ", "") }),
  countRefusal: () => undefined,
  limits: { enter: async () => undefined, leave: () => undefined },
  catalog: {
    participant: setup.name,
    service: { "@id": "urn:service", "@type": "DataService", endpointURL: address(setup.port) },
    page: async () => ({ datasets: [], hasPrevious: false, hasNext: false }),
    dataset: async () => undefined,
  },
  negotiations,
  transfers,
});
await app.listen({ host: "127.0.0.1", port: setup.port });
await negotiations.start();
for (const pid of setup.begin) {
  const offer = { "@id": "offer-1", "@type": "Offer" as const, ...terms };
  const message = firstRequest(pid, offer, `${address(setup.port)}${DATASPACE_PATH}`);
  await negotiations.begin({
    pid,
    peer: setup.peer.name,
    address: `${address(setup.peer.port)}${DATASPACE_PATH}`,
    message,
  });
  // One after another: each death is that of its own negotiation.
  while ((await negotiations.find(pid))?.side.document?.state !== "FINALIZED") await sleep(5);
}
