/**
 * Records between participants: everything that hangs on the negotiation and the transfer process for it. The engines
 * are made around this (nodes/dataspace/dataspace-feature.ts): it answers what they ask, and is told what has moved.
 */
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import { isNegotiationOver, type Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { type Cause, causeOf } from "../../exchange/protocol/vocabulary.ts";
import { PULL, PUSH } from "../../exchange/transfers/formats.ts";
import type { DataAddress, TransferMessage } from "../../exchange/transfers/messages.ts";
import type { ReleaseExplanation } from "../../exchange/transfers/release-decision.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import type { DataspaceClient } from "../dataspace/client.ts";
import type { Connections } from "../dataspace/connections.ts";
import { unknownProcess } from "../dataspace/dataspace-error.ts";
import type { Processes } from "../dataspace/process-ports.ts";
import type { ProcessRecord } from "../dataspace/process-record.ts";
import type { HttpApp } from "../http/http-app.ts";
import type { NodeServices } from "../runtime/services.ts";
import { agreementUuid, openReleaseAgreements } from "./agreements.ts";
import { createApprovals, type Waiting } from "./approvals.ts";
import { createConsumerPlane } from "./consumer-plane.ts";
import { addDataRoutes } from "./data-routes.ts";
import { createEndpoints, DATA_PATH, INBOX_PATH } from "./endpoints.ts";
import { createHeldAgreements } from "./held-agreements.ts";
import { createKeptTransfers } from "./kept-transfers.ts";
import { createOfferJudge } from "./offer-judge.ts";
import { createOpenReleases } from "./open-releases.ts";
import { isStarted, type KeptTransfer, type PlaneParts } from "./plane-parts.ts";
import { createProviderPlane } from "./provider-plane.ts";
import { createPullClient } from "./pull-client.ts";
import { createReleaseClock } from "./release-clock.ts";
import { createReleaseNegotiations } from "./release-negotiations.ts";
import { createSteering } from "./steering.ts";
import { TransferError, unknownTransfer } from "./transfer-error.ts";
import { createWanted, type Want, type Wanted } from "./wanted.ts";
import { createWishes, isAllowed, isHolding, type Wish } from "./wishes.ts";

type KeptNegotiation = ProcessRecord<Negotiation, NegotiationMessage>;

export interface DataPlaneDeps {
  /** Base address of this node's binding. */
  readonly base: string;
  readonly client: DataspaceClient;
  readonly connections: Connections;
}

export interface Engines {
  readonly negotiations: Processes<Negotiation, NegotiationMessage>;
  readonly transfers: Processes<Transfer, TransferMessage>;
}

export function createDataPlane(services: NodeServices, { base, client, connections }: DataPlaneDeps) {
  const { member, openStore, log, now, ledger } = services;
  const agreements = openReleaseAgreements(services);
  const wishes = createWishes({ wishes: openStore("transfer-wishes"), holds: openStore("transfer-holds") });
  const wantedTransfers = openStore<Wanted>("wanted-transfers");
  const endpoints = createEndpoints(services, base);
  const pulls = createPullClient({ dispatcher: connections.to, client, now });

  let engines: (Engines & { readonly wanted: ReturnType<typeof createWanted> }) | undefined;
  const running = () => {
    if (engines === undefined) throw new TypeError("the engines are not there yet");
    return engines;
  };
  async function wish(pid: string, wanted: Wish): Promise<boolean> {
    const isNew = await wishes.put(pid, wanted);
    running().transfers.poke(pid);
    return isNew;
  }
  const parts: PlaneParts = { services, endpoints, agreements, wishes, wish, transfers: () => running().transfers };
  const provider = createProviderPlane({
    ...{ ...parts, pulls, connections },
    onClosed: (agreement) => clock.delivered(agreement),
  });
  const isWanted = async (id: string) => (await running().wanted.find(id)) !== undefined;
  const consumer = createConsumerPlane({ ...parts, pulls, isWanted });
  const judge = createOfferJudge(services);
  const approvals = createApprovals({
    ...services,
    judge,
    waiting: openStore<Waiting>("release-waiting"),
    decisions: openStore<ReleaseExplanation>("release-decisions"),
    waitMs: () => Math.min(services.config().dataspace.approvalMs, services.config().dataspace.waitMs),
    negotiation: (pid) => running().negotiations.find(pid),
    poke: (pid) => running().negotiations.poke(pid),
  });
  const release = createReleaseNegotiations({
    ...services,
    agreements,
    judge,
    approvals,
    held: createHeldAgreements({ marks: openStore("release-agreements-held"), ledger, now }),
  });
  const keptTransfers = createKeptTransfers({
    ...{ inbox: consumer.inbox, usage: provider.usage, pushed: provider.pushed, pushing: provider.pushing },
    wishes,
    wanted: wantedTransfers,
    forgetToken: pulls.forget,
  });
  const clock = createReleaseClock({
    ...services,
    releases: createOpenReleases({ member, agreements }),
    snapshots: provider.snapshots,
    poke: (pid) => running().transfers.poke(pid),
    wakeApprovals: approvals.wake,
    wanted: { list: () => running().wanted.list(), forgetEnded: (keptMs) => running().wanted.forgetEnded(keptMs) },
    keptMs: () => services.config().dataspace.keptMs,
  });

  const steering = createSteering({ wishes, provider, consumer });

  return Object.freeze({
    member,
    release,
    /** The steward's desk. */
    approvals,
    admitsTransfer: provider.admits,
    nextOfTransfer: steering.next,
    mayTakeOfTransfer: steering.mayTake,
    /** Retention of transfers that are over. */
    isNeeded: keptTransfers.isNeeded,
    onForget: keptTransfers.forget,
    transferMoved(kept: KeptTransfer): void {
      const about = { pid: kept.pid };
      clock.moved(kept).catch((err: unknown) => log.warn({ err, ...about }, "transfer: its end is not watched"));
      keptTransfers.moved(kept).catch((err: unknown) => log.warn({ err, ...about }, "transfer: not tidied"));
    },
    negotiationMoved(kept: KeptNegotiation): void {
      const { pid, side } = kept;
      approvals.moved(kept).catch((error: unknown) => log.warn({ err: error, pid }, "transfer: not off the desk"));
      const state = side.document?.state;
      if (side.role !== "consumer" || (state !== undefined && !isNegotiationOver(state))) return;
      engines?.wanted.moved(pid).catch((error: unknown) => log.warn({ err: error, pid }, "transfer: not begun"));
    },
    /** Call once, before anything else. */
    attach(made: Engines): void {
      const wanted = createWanted({
        ...services,
        ...made,
        store: wantedTransfers,
        open: openStore<true>("wanted-transfers-open"),
        agreements,
        client,
        base,
        baseOf: endpoints.baseOf,
        takesCalls: endpoints.takesCalls,
        inboxAddress: endpoints.inboxAddress,
      });
      engines = { ...made, wanted };
    },
    peerRoutes(app: HttpApp): void {
      addDataRoutes(app, {
        paths: { data: DATA_PATH, inbox: INBOX_PATH },
        readToken: endpoints.readToken,
        deliver: provider.deliver,
        inbox: consumer.inbox,
      });
    },
    /** For the other participant of a transfer: the next token of the endpoint that this side serves. */
    async renewed(peer: string, pid: string): Promise<DataAddress> {
      const kept = await running().transfers.find(pid);
      const document = kept?.side.document;
      if (kept?.peer !== peer || document === undefined) throw unknownProcess();
      const isServed = kept.side.role === "provider" ? document.format === PULL : document.format === PUSH;
      const agreed = await agreements.get(agreementUuid(document.agreementId));
      if (!isServed || agreed === undefined) throw unknownProcess();
      if (!isStarted(kept.side) || isHolding(await wishes.get(pid))) {
        throw new TransferError("ERR_TRANSFER_STATE", "transfer-not-started");
      }
      if (kept.side.role === "provider") {
        const allowed = await provider.permission(agreed.agreement, document.format);
        if (!allowed.ok) throw new TransferError("ERR_TRANSFER_REFUSED", allowed.reason);
      }
      return (kept.side.role === "provider" ? endpoints.dataAddress : endpoints.inboxAddress)(
        pid,
        document.agreementId,
        peer,
      );
    },
    /** What the operator of this node does and sees. */
    async begin(want: Want): Promise<string> {
      const id = await running().wanted.begin(want);
      clock.begun();
      return id;
    },
    async view(id: string) {
      const asked = await running().wanted.find(id);
      const kept = await running().transfers.find(id);
      if (asked === undefined && kept === undefined) throw unknownTransfer();
      const negotiation =
        asked?.negotiation === undefined ? undefined : await running().negotiations.find(asked.negotiation);
      const document = kept?.side.document;
      const agreement = asked?.agreement ?? (document === undefined ? undefined : agreementUuid(document.agreementId));
      const agreed = agreement === undefined ? undefined : await agreements.get(agreement);
      const received =
        document?.format === PUSH && kept?.side.role === "consumer" ? await consumer.inbox.state(id) : undefined;
      return {
        asked,
        kept,
        negotiation,
        agreement,
        agreed: agreed?.agreement,
        received,
        wish: isSaid(await wishes.get(id), kept) ? undefined : await wishes.get(id),
        failed: (await provider.pushing.get(id))?.failed,
      };
    },
    async list(): Promise<readonly string[]> {
      const ids = new Set<string>();
      for await (const [id] of running().wanted.list()) ids.add(id);
      for await (const [id] of openStore<KeptTransfer>("dsp-transfers").entries()) ids.add(id);
      return [...ids];
    },
    async wish(id: string, become: Wish["become"], cause: Cause | undefined): Promise<void> {
      const { document, role = "consumer" } = (await running().transfers.find(id))?.side ?? {};
      if (document === undefined) throw unknownTransfer();
      const next = (
        become === "STARTED" || become === "COMPLETED" ? { become } : { become, cause: cause ?? causeOf("operator") }
      ) as Wish;
      if (!isAllowed(become, document, role, await wishes.isHeld(id))) {
        const { state, stopped } = document;
        const by = state === "SUSPENDED" && stopped !== undefined ? `, by its ${stopped.by}` : "";
        throw new TransferError("ERR_TRANSFER_STATE", "transition-not-allowed", `the transfer is ${state}${by}`);
      }
      if (!(await wish(id, next)) && become !== "TERMINATED") {
        throw new TransferError("ERR_TRANSFER_STATE", "transition-not-allowed", "the transfer is being ended");
      }
    },
    received: consumer.received,
    eraseReceived: consumer.eraseReceived,
    fetch: consumer.fetch,
    async start(): Promise<void> {
      await running().wanted.start();
      await approvals.start();
      await clock.start();
    },
    isBehind: clock.isBehind,
    async stop(): Promise<void> {
      approvals.stop();
      await Promise.all([clock.stop(), provider.stop(), engines?.wanted.stop()]);
    },
  });
}

/** A pause of this side that both sides know of; one that the other side made as well is this side's to tell. */
const isSaid = (wish: Wish | undefined, kept: KeptTransfer | undefined): boolean =>
  wish?.become === "SUSPENDED" &&
  kept?.side.document?.state === "SUSPENDED" &&
  kept.side.document.stopped?.by === kept.side.role;

export type DataPlane = ReturnType<typeof createDataPlane>;
