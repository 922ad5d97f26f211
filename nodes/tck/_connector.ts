/** The connector under test: the product's processes and routes, with the suite's preset ids and guard in place of a node. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import Fastify from "fastify";
import pino from "pino";
import { digestOf } from "../../crypto/suites/digest.ts";
import { type Dataset, packedDataset } from "../../exchange/catalog/dcat.ts";
import { firstRequest } from "../../exchange/negotiation/compose.ts";
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { DATASPACE_PATH } from "../../exchange/protocol/paths.ts";
import { transferRequest } from "../../exchange/transfers/compose.ts";
import type { TransferMessage } from "../../exchange/transfers/messages.ts";
import { transferProtocol } from "../../exchange/transfers/protocol.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import { PATIENCE } from "../dataspace/after-try.ts";
import type { DataspaceClient } from "../dataspace/client.ts";
import type { Processes } from "../dataspace/process-ports.ts";
import { createProcesses } from "../dataspace/processes.ts";
import { addDataspaceRoutes } from "../http/dataspace/dataspace-routes.ts";
import { createHttpApp, type HttpApp } from "../http/http-app.ts";
import type { RecordStore } from "../store/records.ts";
import { createGuard, PROVIDER_NEGOTIATIONS } from "./_guard.ts";

export const CONNECTOR = "CONNECTOR_UNDER_TEST";
export const TCK = "TCK_PARTICIPANT";
export const AUTHORIZATION = "Bearer of-the-suite";
const FORMAT = "HttpData-PULL";
const DATASETS = [...Object.keys(PROVIDER_NEGOTIATIONS), "CAT0101", "CAT0102"].sort();

export interface ConnectorOptions {
  /** Root address, no slash at its end. */
  readonly address: string;
  readonly client: DataspaceClient;
  readonly openStore: <V>(name: string) => RecordStore<V>;
  /** Before each message of its own accord. */
  readonly pauseMs: number;
}

export interface Connector {
  readonly app: HttpApp;
  readonly negotiations: Processes<Negotiation, NegotiationMessage>;
  readonly transfers: Processes<Transfer, TransferMessage>;
  /** The suite's two hooks, as an app of its own. */
  readonly hooks: ReturnType<typeof createHooks>;
  close(): Promise<void>;
}

export async function createConnector(options: ConnectorOptions): Promise<Connector> {
  const { client, openStore } = options;
  const now = () => new Date().toISOString();
  const pause = async () => {
    await sleep(options.pauseMs);
  };
  // What the suite refuses with 404 or 409 it refuses for good.
  const patience = { ...PATIENCE, doubtfulTries: 6 };
  const shared = { now, post: client.post, ask: client.get, onError: () => undefined, patience };
  const guardOf = (find: (pid: string) => Promise<unknown>) =>
    createGuard({
      participant: CONNECTOR,
      now,
      pause,
      isCurrent: async (record) => digestOf((await find(record.pid)) ?? null) === digestOf(record),
    });

  const negotiations: Connector["negotiations"] = createProcesses<Negotiation, NegotiationMessage>({
    ...shared,
    protocol: negotiationProtocol,
    records: openStore("negotiations"),
    open: openStore("negotiations-open"),
    async admits(_peer, message) {
      const offer = message["@type"] === "ContractRequestMessage" ? message.offer : undefined;
      const isKnown = offer !== undefined && DATASETS.includes(offer.target) && offer["@id"] === offerId(offer.target);
      return isKnown ? undefined : { code: "offer-unknown", detail: "no such offer" };
    },
    next: (record) => negotiationGuard.negotiation(record),
  });
  const transfers: Connector["transfers"] = createProcesses<Transfer, TransferMessage>({
    ...shared,
    protocol: transferProtocol,
    records: openStore("transfers"),
    open: openStore("transfers-open"),
    async admits(_peer, message) {
      const agreement = message["@type"] === "TransferRequestMessage" ? message.agreementId : "";
      return /^ATP0\d{3}$/.test(agreement) ? undefined : { code: "agreement-unknown", detail: "no such agreement" };
    },
    next: (record) => transferGuard.transfer(record),
  });
  const negotiationGuard = guardOf(negotiations.find);
  const transferGuard = guardOf(transfers.find);

  const base = `${options.address}${DATASPACE_PATH}`;
  const app = createHttpApp({
    logger: pino({ level: "silent" }),
    maxBodyBytes: () => 1024 * 1024,
    requestTimeoutMs: 30_000,
  });
  addDataspaceRoutes(app, {
    authenticate: async ({ authorization }) => (authorization === AUTHORIZATION ? { id: TCK } : undefined),
    countRefusal: () => undefined,
    limits: { enter: async () => undefined, leave: () => undefined },
    catalog: {
      participant: CONNECTOR,
      service: { "@id": "urn:sealane:tck", "@type": "DataService", endpointURL: base },
      page: async () => ({ datasets: DATASETS.map((id) => packedDataset(datasetOf(id))) }),
      dataset: async (_participant, id) => (DATASETS.includes(id) ? packedDataset(datasetOf(id)) : undefined),
    },
    negotiations,
    transfers,
  });
  await app.ready();
  const hooks = createHooks({ negotiations, transfers, callbackAddress: base });
  await Promise.all([negotiations.start(), transfers.start()]);
  return Object.freeze({
    app,
    negotiations,
    transfers,
    hooks,
    async close() {
      await Promise.all([negotiations.stop(), transfers.stop()]);
      await Promise.all([app.close(), hooks.close()]);
    },
  });
}

const offerId = (dataset: string): string => `CD123:${dataset}:456`;

const datasetOf = (id: string): Dataset => ({
  "@id": id,
  "@type": "Dataset",
  hasPolicy: [{ "@id": offerId(id), "@type": "Offer", permission: [{ action: "use" }] }],
  distribution: [{ "@type": "Distribution", format: FORMAT, accessService: "urn:sealane:tck" }],
});

interface NegotiationHook {
  readonly datasetId: string;
  readonly offerId: string;
  readonly providerId: string;
  readonly connectorAddress: string;
}
interface TransferHook {
  readonly agreementId: string;
  readonly format: string;
  readonly providerId: string;
  readonly connectorAddress: string;
}

/** "Begin as consumer": what an operator would ask of a connector, in the words of the suite. */
function createHooks(deps: Pick<Connector, "negotiations" | "transfers"> & { readonly callbackAddress: string }) {
  const app = Fastify();
  app.post("/tck/negotiations/requests", async ({ body }) => {
    const hook = body as NegotiationHook;
    const pid = randomUUID();
    const offer = {
      "@id": hook.offerId,
      "@type": "Offer" as const,
      target: hook.datasetId,
      permission: [{ action: "use" }],
    };
    const message = firstRequest(pid, offer, deps.callbackAddress);
    await deps.negotiations.begin({ pid, peer: hook.providerId, address: hook.connectorAddress, message });
    return { pid };
  });
  app.post("/tck/transfers/requests", async ({ body }) => {
    const { agreementId, format, providerId, connectorAddress } = body as TransferHook;
    const pid = randomUUID();
    const { callbackAddress } = deps;
    const message = transferRequest({ consumerPid: pid, agreementId, format, callbackAddress });
    await deps.transfers.begin({ pid, peer: providerId, address: connectorAddress, message });
    return { pid };
  });
  return app;
}
