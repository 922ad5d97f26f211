/**
 * The Dataspace Protocol on a node that others can reach. Its catalogue is served to every member; an offer without a
 * data request is about records, and a transfer needs an agreement that allows it (nodes/transfers/data-plane.ts).
 */
import { serviceId } from "../../exchange/catalog/dcat.ts";
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { joined } from "../../exchange/protocol/paths.ts";
import type { TransferMessage } from "../../exchange/transfers/messages.ts";
import { transferProtocol } from "../../exchange/transfers/protocol.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import { addDataspaceRoutes, DATASPACE_PATH } from "../http/dataspace/dataspace-routes.ts";
import { addDidRoute } from "../http/dataspace/did-route.ts";
import { createParticipantLimits } from "../http/dataspace/participant-limits.ts";
import { addTransferApi } from "../http/routes/transfers/transfers.ts";
import type { Feature, NodeServices } from "../runtime/services.ts";
import { createDataPlane } from "../transfers/data-plane.ts";
import { createAuthenticate } from "./authenticate.ts";
import { createDataspaceClient } from "./client.ts";
import { createConnections } from "./connections.ts";
import { createOwnCatalog } from "./own-catalog.ts";
import { participantToken } from "./participant-token.ts";
import type { ProcessRecord } from "./process-record.ts";
import { createProcesses } from "./processes.ts";

export function createDataspaceFeature(services: NodeServices): Feature {
  const { peer } = services.config();
  if (peer === undefined) return { apiRoutes: (app) => addTransferApi(app, undefined) };
  const { member, members, identity, now, openStore, log } = services;
  const base = joined(peer.endpoint, DATASPACE_PATH.slice(1));
  const connections = createConnections(members);
  const client = createDataspaceClient({
    dispatcher: connections.to,
    authorize: ({ peer: audience, method, url, body }) => {
      const { pathname, search } = new URL(url);
      return participantToken(identity, { audience, method, target: `${pathname}${search}`, body }, services);
    },
  });
  const plane = createDataPlane(services, { base, client, connections });
  const shared = {
    now,
    post: client.post,
    ask: client.get,
    onError: (pid: string, error: unknown) =>
      log.warn({ err: error, pid }, "dataspace: a process is stuck; trying again"),
  };
  const negotiations = createProcesses<Negotiation, NegotiationMessage>({
    ...shared,
    protocol: negotiationProtocol,
    records: openStore<ProcessRecord<Negotiation, NegotiationMessage>>("dsp-negotiations"),
    open: openStore<true>("dsp-negotiations-open", "unless-power-fails"),
    admits: plane.release.admits,
    next: plane.release.next,
    onMoved: plane.negotiationMoved,
  });
  const transfers = createProcesses<Transfer, TransferMessage>({
    ...shared,
    protocol: transferProtocol,
    records: openStore<ProcessRecord<Transfer, TransferMessage>>("dsp-transfers"),
    open: openStore<true>("dsp-transfers-open", "unless-power-fails"),
    admits: plane.admitsTransfer,
    next: plane.nextOfTransfer,
  });
  plane.attach({ negotiations, transfers });
  const service = { "@id": serviceId(member), "@type": "DataService" as const, endpointURL: base };
  return Object.freeze({
    apiRoutes: (app) => addTransferApi(app, plane),
    peerRoutes(app) {
      plane.peerRoutes(app);
      addDidRoute(
        app,
        async () => {
          const found = await members.find(member);
          return found?.status === "active" ? found.record : undefined;
        },
        DATASPACE_PATH,
      );
      addDataspaceRoutes(app, {
        authenticate: createAuthenticate({
          publicKey: members.publicKey,
          audience: member,
          now,
          ahead: openStore<string>("dsp-tokens-ahead"),
        }),
        // Strangers are counted by the limit of addresses; a log of them would be theirs to fill.
        countRefusal: () => undefined,
        limits: createParticipantLimits(app, {
          requestsPerMinute: () => services.config().limits.peerRequestsPerMinutePerMember,
          callsAtOnce: () => services.config().limits.peerCallsAtOncePerMember,
          bodyBytes: () => services.config().limits.peerBodyBytes,
        }),
        catalog: { participant: member, service, ...createOwnCatalog(services.catalogue.offers, members) },
        negotiations,
        transfers,
        renewed: plane.renewed,
      });
    },
    async start() {
      await Promise.all([negotiations.start(), transfers.start()]);
      await plane.start();
    },
    async stop() {
      await plane.stop();
      await Promise.all([negotiations.stop(), transfers.stop()]);
      await connections.close();
    },
  } satisfies Feature);
}
