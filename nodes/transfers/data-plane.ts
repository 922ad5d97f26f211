/**
 * Records between participants: everything that hangs on the negotiation and the transfer process for it. The engines
 * are made around this (nodes/dataspace/dataspace-feature.ts): it answers what they ask, and is told what has moved.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import { isNegotiationOver, type Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { DATASPACE_PATH, joined } from "../../exchange/protocol/paths.ts";
import { type Cause, causeOf } from "../../exchange/protocol/vocabulary.ts";
import { transferStart } from "../../exchange/transfers/compose.ts";
import { dataAddressOf } from "../../exchange/transfers/data-address.ts";
import { PULL, PUSH } from "../../exchange/transfers/formats.ts";
import type { DataAddress, TransferMessage } from "../../exchange/transfers/messages.ts";
import { policyOfAgreement, termsOfPolicy } from "../../exchange/transfers/release-agreement.ts";
import type { ReleaseExplanation } from "../../exchange/transfers/release-decision.ts";
import { isTransferOver, type Transfer } from "../../exchange/transfers/transfer.ts";
import type { LedgerEntry } from "../../ledger/port.ts";
import { createOwnTables } from "../computations/own-tables.ts";
import type { DataspaceClient } from "../dataspace/client.ts";
import type { Connections } from "../dataspace/connections.ts";
import { unknownProcess } from "../dataspace/dataspace-error.ts";
import type { ProcessRecord } from "../dataspace/process-record.ts";
import type { Processes } from "../dataspace/processes.ts";
import type { HttpApp } from "../http/http-app.ts";
import { followLedger, type LedgerFollower } from "../runtime/follow-ledger.ts";
import type { NodeServices } from "../runtime/services.ts";
import { agreementUuid, type KeptAgreement, standingOf } from "./agreements.ts";
import { createApprovals, type Waiting } from "./approvals.ts";
import { addDataRoutes } from "./data-routes.ts";
import { dataToken, readDataToken } from "./data-token.ts";
import { createDeliveries } from "./deliveries.ts";
import { permission } from "./gate.ts";
import { createHeldAgreements } from "./held-agreements.ts";
import { createInbox, type InboxRecord } from "./inbox.ts";
import { createKeptTransfers } from "./kept-transfers.ts";
import { createOfferJudge } from "./offer-judge.ts";
import { createOpenReleases, type Subject, subjectOf } from "./open-releases.ts";
import { createOutbound } from "./outbound.ts";
import { createProviderTransfers } from "./provider-transfers.ts";
import { createPullClient } from "./pull-client.ts";
import { createPushes, type PushRecord } from "./pushes.ts";
import { createReleaseNegotiations } from "./release-negotiations.ts";
import { createSnapshots, type SnapshotRecord } from "./snapshots.ts";
import { TransferError, unknownTransfer } from "./transfer-error.ts";
import { createUsage, type DeliveryRecord } from "./usage.ts";
import { createWanted, type Wanted } from "./wanted.ts";
import { createWishes, isHolding, isPossible, messageOf, type Wish } from "./wishes.ts";

type KeptNegotiation = ProcessRecord<Negotiation, NegotiationMessage>;
type KeptTransfer = ProcessRecord<Transfer, TransferMessage>;

const DATA_PATH = `${DATASPACE_PATH}/data`;
const INBOX_PATH = `${DATASPACE_PATH}/inbox`;
const SWEEP_MS = 10 * 60_000;

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
  const { member, members, identity, openStore, log, now, ledger } = services;
  const { endpoint = "" } = services.config().peer ?? {};
  const agreements = openStore<KeptAgreement>("release-agreements");
  const wishes = createWishes(openStore("transfer-wishes"));
  const pushed = openStore<true>("transfers-pushed");
  const pushing = openStore<PushRecord>("transfers-pushing");
  const wantedTransfers = openStore<Wanted>("wanted-transfers");
  const pseudonymKeys = openStore<string>("release-pseudonym-keys");
  // One thread, so that the same table is the same bytes: a version that was erased can be written again.
  const open = (asset: string) => services.assets.open(asset, 1);
  const tables = createOwnTables({ openStore, assets: { ...services.assets, open } });
  const usage = createUsage({
    counters: openStore<{ readonly used: number }>("release-uses"),
    deliveries: openStore<DeliveryRecord>("release-deliveries"),
    now,
  });
  const snapshots = createSnapshots({
    folder: join(services.dir, "released"),
    tables,
    records: openStore<SnapshotRecord>("release-snapshots"),
    async pseudonymKey(id) {
      const kept = await pseudonymKeys.get(id);
      if (kept !== undefined) return fromBase64url(kept, "release-pseudonym-keys");
      const key = services.random(32);
      await pseudonymKeys.put(id, toBase64url(key));
      return key;
    },
    assertWritable: services.assertWritable,
  });
  const may = (agreement: KeptAgreement["agreement"], format: string | undefined) =>
    permission({ ledger, members, now, assets: services.assets }, agreement, format);
  const urlOf = (path: string, pid: string) => joined(endpoint, path.slice(1), pid);
  const endpointOf = async (peer: string) => (await members.find(peer))?.record.endpoint;
  const baseOf = async (peer: string) => joined((await members.target(peer)).endpoint, DATASPACE_PATH.slice(1));

  /** A fresh address of one of this node's own data endpoints. */
  const addressAt =
    (path: string) =>
    (pid: string, agreement: string, holder: string): DataAddress => {
      const url = urlOf(path, pid);
      const granted = dataToken(identity, url, { transfer: pid, agreement, holder }, services);
      return dataAddressOf({ endpoint: url, ...granted, refresh: joined(base, "transfers", pid, "address") });
    };
  const dataAddress = addressAt(DATA_PATH);
  const inboxAddress = addressAt(INBOX_PATH);

  let engines: Engines | undefined;
  const running = (): Engines => {
    if (engines === undefined) throw new TypeError("the engines are not there yet");
    return engines;
  };

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
  const provider = createProviderTransfers({
    ledger,
    agreements,
    takesCalls: endpoint !== "",
    permission: may,
    address: dataAddress,
    endpointOf,
    pushed,
    sendSoon: (pid) => pushes.poke(pid),
    holdSending: (pid) => pushes.forget(pid),
  });
  const deliver = createDeliveries({
    agreement: (id) => agreements.get(agreementUuid(id)),
    async transfer(pid) {
      const kept = await running().transfers.find(pid);
      const document = kept?.side.document;
      if (kept === undefined || document === undefined || kept.side.role !== "provider") return undefined;
      return { peer: kept.peer, document: isStarted(kept.side) ? { ...document, state: "STARTED" } : document };
    },
    isHeld: async (pid) => isHolding(await wishes.get(pid)),
    permission: may,
    snapshots,
    usage,
    newId: randomUUID,
    now,
    async onSent({ holder, transfer, delivery, from, to, bytes }) {
      await services.accessLog.append({
        actor: holder,
        action: "transfer sent",
        target: `${transfer} ${delivery}`,
        outcome: `bytes ${from}-${to}/${bytes}`,
      });
    },
  });
  const inbox = createInbox({
    folder: join(services.dir, "received"),
    records: openStore<InboxRecord>("received"),
    async limit(pid) {
      const document = (await running().transfers.find(pid))?.side.document;
      if (document?.state !== "STARTED" || document.format !== PUSH || isHolding(await wishes.get(pid)))
        return undefined;
      const kept = await agreements.get(agreementUuid(document.agreementId));
      if (kept === undefined || (await standingOf(ledger, kept.agreement)) !== "finalized") return undefined;
      return termsOfPolicy(policyOfAgreement(kept.agreement))?.release?.bytes;
    },
    assertWritable: services.assertWritable,
  });
  const pulls = createPullClient({ dispatcher: connections.to, client, now });
  const outbound = createOutbound({ endpoint: endpointOf, pinned: connections.to });
  const keptTransfers = createKeptTransfers({
    ...{ inbox, usage, wishes, pushed, pushing },
    wanted: wantedTransfers,
    forgetToken: pulls.forget,
  });

  const pushes = createPushes({
    records: pushing,
    pushed,
    async running(pid) {
      const kept = await running().transfers.find(pid);
      const document = kept?.side.document;
      if (kept === undefined || document?.state !== "STARTED" || isHolding(await wishes.get(pid))) return undefined;
      return { peer: kept.peer, document };
    },
    /** Only at the consumer's own address: its token is nobody else's to renew. */
    async fresh(peer, pid, address, signal) {
      const { refresh } = address;
      const own = await endpointOf(peer);
      const isOwn = refresh !== undefined && own !== undefined && new URL(refresh).origin === new URL(own).origin;
      return pulls.isFresh(address) || !isOwn ? address : await pulls.renew(peer, pid, address, signal);
    },
    outbound,
    deliver,
    now,
    onPushed: (pid) => running().transfers.poke(pid),
    async end(pid, cause) {
      await wish(pid, { become: "TERMINATED", cause });
    },
    onError: (pid, error) => log.warn({ err: error, pid }, "transfer: not sent yet; trying again"),
  });

  async function wish(pid: string, wanted: Wish): Promise<boolean> {
    const isNew = await wishes.put(pid, wanted);
    running().transfers.poke(pid);
    return isNew;
  }

  async function nextOfTransfer(kept: KeptTransfer): Promise<TransferMessage | undefined> {
    const { document, role } = kept.side;
    if (document === undefined) return undefined;
    const wanted = await wishes.standing(kept.pid, document.state);
    if (wanted !== undefined) {
      return messageOf(wanted, document, role, () =>
        role === "provider" ? provider.start(kept, document) : transferStart(document),
      );
    }
    return role === "provider" ? await provider.next(kept, document) : undefined;
  }

  const openReleases = createOpenReleases({ member, agreements });
  /** What this may end is looked at. */
  function wake(subject: Subject): void {
    for (const pid of openReleases.concernedBy(subject)) running().transfers.poke(pid);
    if (subject.kind === "member" || subject.id.startsWith(`${member}:`)) approvals.wake();
  }
  async function take({ transaction }: LedgerEntry): Promise<void> {
    const subject = subjectOf(transaction);
    if (subject !== undefined) wake(subject);
  }
  const openTransfers = openStore<true>("dsp-transfers-open", "unless-power-fails");
  async function pokeAll(): Promise<void> {
    for await (const [pid] of openTransfers.entries()) running().transfers.poke(pid);
  }

  async function sweep(): Promise<void> {
    const used = new Set<string>();
    for await (const [pid] of openTransfers.entries()) {
      const document = (await running().transfers.find(pid))?.side.document;
      if (document !== undefined && !isTransferOver(document.state)) used.add(agreementUuid(document.agreementId));
    }
    await snapshots.keepOnly(used);
    await wanted?.forgetEnded(services.config().dataspace.keptMs);
  }
  let sweeping: NodeJS.Timeout | undefined;
  let follower: LedgerFollower | undefined;
  let unwatch: (() => void) | undefined;
  let wanted: ReturnType<typeof createWanted> | undefined;

  return Object.freeze({
    release,
    /** The steward's desk. */
    approvals,
    admitsTransfer: provider.admits,
    nextOfTransfer,
    /** Retention of transfers that are over. */
    isNeeded: keptTransfers.isNeeded,
    onForget: keptTransfers.forget,
    transferMoved(kept: KeptTransfer): void {
      openReleases
        .moved(kept)
        .catch((error: unknown) => log.warn({ err: error, pid: kept.pid }, "transfer: not indexed"));
      keptTransfers
        .moved(kept)
        .catch((error: unknown) => log.warn({ err: error, pid: kept.pid }, "transfer: not tidied"));
    },
    negotiationMoved(kept: KeptNegotiation): void {
      const { pid, side } = kept;
      approvals.moved(kept).catch((error: unknown) => log.warn({ err: error, pid }, "transfer: not off the desk"));
      const state = side.document?.state;
      if (side.role !== "consumer" || (state !== undefined && !isNegotiationOver(state))) return;
      wanted?.moved(pid).catch((error: unknown) => log.warn({ err: error, pid }, "transfer: not begun"));
    },
    /** Call once, before anything else. */
    attach(made: Engines): void {
      engines = made;
      wanted = createWanted({
        ...services,
        ...made,
        store: wantedTransfers,
        open: openStore<true>("wanted-transfers-open"),
        agreements,
        client,
        base,
        baseOf,
        takesCalls: endpoint !== "",
        inboxAddress,
      });
    },
    peerRoutes(app: HttpApp): void {
      addDataRoutes(app, {
        paths: { data: DATA_PATH, inbox: INBOX_PATH },
        readToken: (token, path, pid) => readDataToken(token, { endpoint: urlOf(path, pid), identity, now }),
        deliver,
        inbox,
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
        const allowed = await may(agreed.agreement, document.format);
        if (!allowed.ok) throw new TransferError("ERR_TRANSFER_REFUSED", allowed.reason);
      }
      return (kept.side.role === "provider" ? dataAddress : inboxAddress)(pid, document.agreementId, peer);
    },
    /** What the operator of this node does and sees. */
    begin: (want: Parameters<ReturnType<typeof createWanted>["begin"]>[0]) => wanted!.begin(want),
    async view(id: string) {
      const asked = await wanted!.find(id);
      const kept = await running().transfers.find(id);
      if (asked === undefined && kept === undefined) throw unknownTransfer();
      const negotiation =
        asked?.negotiation === undefined ? undefined : await running().negotiations.find(asked.negotiation);
      const document = kept?.side.document;
      const agreement = asked?.agreement ?? (document === undefined ? undefined : agreementUuid(document.agreementId));
      const agreed = agreement === undefined ? undefined : await agreements.get(agreement);
      const received = document?.format === PUSH && kept?.side.role === "consumer" ? await inbox.state(id) : undefined;
      return {
        asked,
        kept,
        negotiation,
        agreement,
        agreed: agreed?.agreement,
        received,
        wish: await wishes.get(id),
        failed: (await pushing.get(id))?.failed,
      };
    },
    async list(): Promise<readonly string[]> {
      const ids = new Set<string>();
      for await (const [id] of wanted!.list()) ids.add(id);
      for await (const [id] of openStore<KeptTransfer>("dsp-transfers").entries()) ids.add(id);
      return [...ids];
    },
    async wish(id: string, become: Wish["become"], cause: Cause | undefined): Promise<void> {
      const document = (await running().transfers.find(id))?.side.document;
      if (document === undefined) throw unknownTransfer();
      const next = (
        become === "STARTED" || become === "COMPLETED" ? { become } : { become, cause: cause ?? causeOf("operator") }
      ) as Wish;
      if (!isPossible(next, document.state)) {
        throw new TransferError("ERR_TRANSFER_STATE", "transition-not-allowed", `the transfer is ${document.state}`);
      }
      if (!(await wish(id, next)) && become !== "TERMINATED") {
        throw new TransferError("ERR_TRANSFER_STATE", "transition-not-allowed", "the transfer is being ended");
      }
    },
    /** What providers have sent to this node and lies on its disk. */
    async received() {
      const files = [];
      for await (const file of inbox.list()) files.push(file);
      return files;
    },
    async eraseReceived(id: string): Promise<void> {
      const state = (await running().transfers.find(id))?.side.document?.state;
      if (state !== undefined && !isTransferOver(state)) {
        const detail = `the transfer is ${state}, and what is erased would be sent again: complete or terminate it first`;
        throw new TransferError("ERR_TRANSFER_STATE", "transfer-not-over", detail);
      }
      if (!(await inbox.erase(id))) {
        if (state === undefined && (await wanted!.find(id)) === undefined) throw unknownTransfer();
        throw new TransferError("ERR_TRANSFER_STATE", "nothing-received", "nothing of it lies on this disk");
      }
      await services.accessLog.append({ actor: member, action: "received erased", target: id, outcome: "erased" });
    },
    /** Records of a transfer of this node as consumer: straight from the provider, or from what it has sent. */
    async fetch(
      id: string,
      conditions: {
        readonly range: string | undefined;
        readonly ifRange: string | undefined;
        readonly ifMatch: string | undefined;
      },
      signal: AbortSignal,
    ) {
      const kept = await running().transfers.find(id);
      const document = kept?.side.document;
      if (kept === undefined || document === undefined || kept.side.role !== "consumer") throw unknownTransfer();
      if (document.format === PUSH) {
        const whole = await inbox.open(id);
        if (whole === undefined) {
          const reason = document.state === "COMPLETED" ? "received-erased" : "not-received-yet";
          throw new TransferError("ERR_TRANSFER_STATE", reason);
        }
        const { file, digest, bytes } = whole;
        const headers = {
          "content-type": "text/csv; charset=utf-8; header=present",
          "content-length": String(bytes),
          "repr-digest": `sha-256=:${Buffer.from(digest, "base64url").toString("base64")}:`,
        };
        return { status: 200 as const, headers, body: file.createReadStream() };
      }
      if (document.state !== "STARTED") {
        throw new TransferError("ERR_TRANSFER_STATE", "transfer-not-started", `the transfer is ${document.state}`);
      }
      const agreed = await agreements.get(agreementUuid(document.agreementId));
      const standing = agreed === undefined ? "other" : await standingOf(ledger, agreed.agreement);
      if (standing !== "finalized") {
        const reason = standing === "revoked" ? "agreement-revoked" : "agreement-not-recorded";
        await wish(id, { become: "TERMINATED", cause: causeOf(reason) });
        throw new TransferError("ERR_TRANSFER_REFUSED", reason);
      }
      return await pulls.pull({ peer: kept.peer, pid: id, source: document.source }, conditions, signal);
    },
    async start(): Promise<void> {
      await wanted?.start();
      await approvals.start();
      await sweep();
      sweeping = setInterval(() => {
        sweep().catch((error: unknown) => log.warn({ err: error }, "released records could not be erased"));
        // What ends by the clock alone.
        pokeAll().catch(() => undefined);
      }, SWEEP_MS).unref();
      // What comes from here on is heard of; what came before is looked at now.
      const from = (await ledger.status()).height;
      // An asset changes here after the ledger has it.
      unwatch = services.assets.watch((id) => wake({ kind: "asset", id }));
      await openReleases.settled();
      await pokeAll();
      follower = followLedger({
        ledger,
        from,
        take,
        onError: (error, position) =>
          log.error({ err: error, position }, "transfers: the ledger is not followed; trying again"),
      });
    },
    /** The ledger is not heard of, and is tried again. */
    isBehind: (): boolean => follower?.isFailing() === true,
    async stop(): Promise<void> {
      unwatch?.();
      clearInterval(sweeping);
      approvals.stop();
      await Promise.all([follower?.stop(), pushes.stop(), wanted?.stop(), outbound.close(), tables.close()]);
    },
    member,
  });
}

/** Whoever comes because of a start has taken it, though its acknowledgement may still be on the way. */
const isStarted = ({ document, sending }: KeptTransfer["side"]): boolean =>
  document?.state === "STARTED" || sending?.["@type"] === "TransferStartMessage";

export type DataPlane = ReturnType<typeof createDataPlane>;
