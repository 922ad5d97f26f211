/**
 * The Dataspace Protocol on a node. Where others can reach it, its catalogue is served to every member; an offer without
 * a data request is about records, and a transfer needs an agreement that allows it (nodes/transfers/data-plane.ts).
 */
import { serviceId } from "../../exchange/catalog/dcat.ts";
import { isNegotiationOver, type Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { DATASPACE_PATH } from "../../exchange/protocol/paths.ts";
import type { TransferMessage } from "../../exchange/transfers/messages.ts";
import { transferProtocol } from "../../exchange/transfers/protocol.ts";
import { isTransferOver, type Transfer } from "../../exchange/transfers/transfer.ts";
import type { Negotiating } from "../computations/negotiating.ts";
import { addDataspaceRoutes } from "../http/dataspace/dataspace-routes.ts";
import { addDidRoute } from "../http/dataspace/did-route.ts";
import { createParticipantLimits } from "../http/dataspace/participant-limits.ts";
import { addApprovalApi } from "../http/routes/transfers/approvals.ts";
import { addTransferApi } from "../http/routes/transfers/transfers.ts";
import type { Feature, NodeServices } from "../runtime/services.ts";
import { createDataPlane } from "../transfers/data-plane.ts";
import { createAuthenticate } from "./authenticate.ts";
import { MOST_ENDED } from "./ended-processes.ts";
import { takeFetched } from "./fetched-call.ts";
import { createOwnCatalog } from "./own-catalog.ts";
import type { ProcessRecord } from "./process-record.ts";
import { createProcesses } from "./processes.ts";

export function createDataspaceFeature(services: NodeServices, negotiating: Negotiating): Feature {
  const { member, members, now, openStore, log } = services;
  const { negotiations, transport, documentFor } = negotiating;
  const { base, client, connections, office } = transport;
  const plane = createDataPlane(services, { base, client, connections });
  /** What the other side says may wait somewhere, where one of the two takes no calls. */
  const watched = ({ pid, peer, side }: ProcessRecord<Transfer | Negotiation, unknown>, isOver: boolean) =>
    isOver && side.sending === undefined ? office.unwatch(pid) : office.watch(pid, peer);
  negotiating.attach({
    ...plane.release,
    onMoved(record) {
      const state = record.side.document?.state;
      watched(record, state === undefined || isNegotiationOver(state));
      plane.negotiationMoved(record);
    },
    dispatch: (from, path, body) =>
      takeFetched(transferProtocol, transfers, { from, path, body }, (error) =>
        log.warn({ err: error, from }, "transfer: a fetched message could not be taken"),
      ),
  });
  const transfers = createProcesses<Transfer, TransferMessage>({
    now,
    post: office.send,
    ask: client.get,
    onError: (pid, error) => log.warn({ err: error, pid }, "dataspace: a process is stuck; trying again"),
    protocol: transferProtocol,
    records: openStore<ProcessRecord<Transfer, TransferMessage>>("dsp-transfers"),
    open: openStore<true>("dsp-transfers-open", "unless-power-fails"),
    ended: {
      marks: openStore("dsp-transfers-ended", "unless-power-fails"),
      gone: openStore("dsp-transfers-gone", "unless-power-fails"),
      retention: { ...MOST_ENDED, keptMs: services.config().dataspace.keptMs },
      isNeeded: plane.isNeeded,
      onForget: plane.onForget,
      onError: (pid, error, failures) =>
        log.warn({ err: error, pid, failures }, "transfer: not forgotten; trying again"),
    },
    admits: plane.admitsTransfer,
    next: plane.nextOfTransfer,
    mayTake: plane.mayTakeOfTransfer,
    // A pause that the other side does not take is kept here all the same.
    endsIfRefused: (message) => message["@type"] !== "TransferSuspensionMessage",
    onMoved(record) {
      const state = record.side.document?.state;
      watched(record, state === undefined || isTransferOver(state));
      plane.transferMoved(record);
    },
  });
  plane.attach({ negotiations, transfers });
  const service = { "@id": serviceId(member), "@type": "DataService" as const, endpointURL: base };
  return Object.freeze({
    apiRoutes(app) {
      addTransferApi(app, plane);
      addApprovalApi(app, plane.approvals);
    },
    /** Only where others can call. */
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
        waiting: { office, documentFor },
        renewed: plane.renewed,
      });
    },
    async start() {
      await transfers.start();
      await plane.start();
    },
    troubles: () => (plane.isBehind() ? (["ledger-not-followed"] as const) : []),
    async stop() {
      await plane.stop();
      await transfers.stop();
    },
  } satisfies Feature);
}
