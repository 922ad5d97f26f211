/** A provider's deliveries of one file as a process of its own, over HTTP, for a test that kills it. Real store and file. */
import { open } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import { openDatabase } from "../store/database.ts";
import { openRecords } from "../store/records.ts";
import type { KeptAgreement } from "./agreements.ts";
import { createDeliveries } from "./deliveries.ts";
import { createUsage, type DeliveryRecord } from "./usage.ts";

export interface StreamSetup {
  readonly dir: string;
  readonly path: string;
  readonly bytes: number;
}
export interface StreamUsage {
  readonly used: number;
  /** By delivery. */
  readonly served: readonly number[];
}

const { dir, path, bytes } = JSON.parse(process.argv[2] ?? "") as StreamSetup;
const database = await openDatabase(dir);
const deliveries = openRecords<DeliveryRecord>(database, "deliveries");
const now = () => new Date().toISOString();
const usage = createUsage({ counters: openRecords(database, "counters"), deliveries, now });
const release = { elements: [], formats: [], uses: 1, rows: 1, bytes, callsPerMinute: 100 };
const deliver = createDeliveries({
  agreement: async () => ({ peer: "beta", agreement: { "@id": "urn:uuid:a" } }) as unknown as KeptAgreement,
  transfer: async () => ({ peer: "beta", document: { state: "STARTED", format: "HttpData-PULL" } as Transfer }),
  isHeld: async () => false,
  permission: async () => ({ ok: true, asset: { id: "alpha:panel" }, fields: [], release }) as never,
  snapshots: { of: async () => ({ file: await open(path, "r"), digest: "A".repeat(43), bytes, rows: 1 }) },
  usage,
  newId: () => crypto.randomUUID(),
  now,
  onSent: async () => undefined,
});

const server = createServer(async ({ url, headers }, response) => {
  if (url === "/usage") {
    const served: number[] = [];
    for await (const [, one] of deliveries.entries()) served.push(one.served);
    const body: StreamUsage = { used: await usage.used("alpha:panel"), served };
    return void response.end(JSON.stringify(body));
  }
  const conditions = { range: headers.range, ifRange: headers["if-range"] as string | undefined, ifMatch: undefined };
  try {
    const { entityTag, pieces } = await deliver({ transfer: "t", holder: "beta", ...conditions });
    response.writeHead(200, { etag: entityTag });
    await pipeline(pieces, response);
  } catch (error) {
    if (!response.headersSent) response.writeHead(403).end((error as { reason?: string }).reason);
  }
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
