/**
 * The Dataspace Protocol on a node that others can reach. Its catalogue is served to every member; a negotiation begins
 * with a data request, so an offer without one is refused, and a transfer needs an agreement that allows it.
 */
import { serviceId } from "../../exchange/catalog/dcat.ts";
import type { TransferMessage } from "../../exchange/transfers/messages.ts";
import { transferProtocol } from "../../exchange/transfers/protocol.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import type { Negotiating } from "../computations/negotiating.ts";
import { addDataspaceRoutes } from "../http/dataspace/dataspace-routes.ts";
import { createParticipantLimits } from "../http/dataspace/participant-limits.ts";
import type { Feature, NodeServices } from "../runtime/services.ts";
import { createAuthenticate } from "./authenticate.ts";
import { createOwnCatalog } from "./own-catalog.ts";
import type { ProcessRecord } from "./process-record.ts";
import { createProcesses } from "./processes.ts";

export function createDataspaceFeature(services: NodeServices, negotiating: Negotiating): Feature {
  if (services.config().peer === undefined) return {};
  const { member, members, now, openStore, log } = services;
  const { client, office, base } = negotiating.transport;
  const transfers = createProcesses<Transfer, TransferMessage>({
    now,
    post: client.post,
    ask: client.get,
    onError: (pid, error) => log.warn({ err: error, pid }, "dataspace: a process is stuck; trying again"),
    protocol: transferProtocol,
    records: openStore<ProcessRecord<Transfer, TransferMessage>>("dsp-transfers"),
    open: openStore<true>("dsp-transfers-open", "unless-power-fails"),
    admits: async () => ({ code: "agreement-unknown", detail: "no agreement of this id allows a transfer" }),
    next: async () => undefined,
  });
  const service = { "@id": serviceId(member), "@type": "DataService" as const, endpointURL: base };
  return Object.freeze({
    peerRoutes(app) {
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
        negotiations: negotiating.negotiations,
        transfers,
        waiting: { office, documentFor: negotiating.documentFor },
      });
    },
    start: transfers.start,
    stop: transfers.stop,
  } satisfies Feature);
}
