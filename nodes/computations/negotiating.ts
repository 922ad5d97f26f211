/**
 * Contract negotiations about data requests, in both roles: the engine of the Dataspace Protocol with what this node
 * knows of requests, decisions and the ledger behind it.
 */
import { readAgreement } from "../../chaincode/rules/keys.ts";
import { providerOf } from "../../chaincode/rules/rule.ts";
import { negotiationTermination } from "../../exchange/negotiation/compose.ts";
import { dataRequestOf } from "../../exchange/negotiation/data-request.ts";
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import { isNegotiationOver, type Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { NEGOTIATION_COLLECTION } from "../../exchange/protocol/paths.ts";
import type { Role } from "../../exchange/protocol/vocabulary.ts";
import { nextOfProvider } from "../../exchange/requests/agree.ts";
import type { AgreementRecord } from "../../exchange/requests/agreement-record.ts";
import type { KnownLife } from "../../exchange/requests/decide-request.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import { nextOfConsumer } from "../../exchange/requests/verify-agreement.ts";
import { MOST_ENDED } from "../dataspace/ended-processes.ts";
import { takeFetched } from "../dataspace/fetched-call.ts";
import type { Answer } from "../dataspace/post-office.ts";
import type { Processes, ProcessPorts } from "../dataspace/process-ports.ts";
import { createProcesses } from "../dataspace/processes.ts";
import { createTimers } from "../dataspace/timers.ts";
import { createTransport, type Transport } from "../dataspace/transport.ts";
import { createBroughtDocuments, withoutDocument } from "./brought-documents.ts";
import { consumerPorts } from "./consumer.ts";
import type { Context } from "./context.ts";
import { createKeyedBell } from "./keyed-bell.ts";
import { createKeyedLock } from "./keyed-lock.ts";
import { type AdmissionPorts, admits, makesRoom, mayTake } from "./negotiation-admission.ts";
import { askFor } from "./negotiation-attempts.ts";
import { createNegotiationIndex, indexKey, type NegotiationRecord } from "./negotiation-index.ts";
import { standingOn, wordOf } from "./negotiation-standing.ts";

/** How long fetching a request's document takes at most. */
const FETCH_MS = 10_000;
/** For messages that wait here to be fetched. */
const COLLECT_MS = 2_000;

export interface Negotiating {
  readonly negotiations: Processes<Negotiation, NegotiationMessage>;
  /** Who answers for negotiations about no data request; call before `start`. */
  attach(beside: Beside): void;
  readonly transport: Transport;
  /** The signed document of an own request, for a provider whose asset it names. */
  documentFor(provider: string, request: string): Promise<object | undefined>;
  /** Requester: asks the provider of every asset that nothing is agreed on yet. */
  ask(life: KnownLife): Promise<void>;
  /** The latest negotiation on this asset. */
  find(role: Role, request: string, asset: string): Promise<NegotiationRecord | undefined>;
  /** Provider: true once the requester has asked. Throws ERR_REQUEST_UNREACHABLE where its word cannot be had now. */
  isAsked(life: KnownLife, asset: string): Promise<boolean>;
  /** Provider: the document behind the ledger's digest, unchecked. Throws ERR_REQUEST_UNREACHABLE. */
  fetchDocument(life: KnownLife): Promise<unknown>;
  /** Provider: true once the requester has verified this very agreement, false where it has not within `waitMs`. */
  verified(kept: AgreementRecord, waitMs: number): Promise<boolean>;
  /** The ledger or a decision has moved: whoever waits for it goes on. */
  poke(request: string): void;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Negotiations about something else, on the same engine. */
export type Beside = Required<Pick<ProcessPorts<Negotiation, NegotiationMessage>, "admits" | "next" | "mayTake">> & {
  readonly onMoved: (record: NegotiationRecord) => void;
  /** Letters of other protocols. Absent: there are none. */
  readonly dispatch?: (from: string, path: string, body: unknown) => Promise<Answer>;
};
const NOTHING_BESIDE: Beside = {
  admits: async () => ({ code: "data-request-wanted", detail: "the offer names no data request" }),
  next: async () => undefined,
  mayTake: async () => undefined,
  onMoved: () => undefined,
};

export function createNegotiating(ctx: Context, pokeRequest: (request: string) => void): Negotiating {
  const { services, stores } = ctx;
  const { member: self, log, ledger, openStore } = services;
  const documents = createBroughtDocuments(ctx);
  /** By the message that came with it. */
  const brought = new WeakMap<object, unknown>();
  const index = createNegotiationIndex(openStore<string>("dsp-negotiation-of", "unless-power-fails"));
  const moved = createKeyedBell();
  const timers = createTimers(services.now);
  const oneAtATime = createKeyedLock();
  const { waitMs, keptMs } = services.config().dataspace;
  let beside = NOTHING_BESIDE;
  const transport = createTransport(services, dispatch);
  const { office, client, base } = transport;
  const concluded = async (agreement: string) => (await readAgreement(ledger, agreement))?.agreement;

  const engine = createProcesses<Negotiation, NegotiationMessage>({
    protocol: negotiationProtocol,
    now: services.now,
    records: openStore<NegotiationRecord>("dsp-negotiations"),
    open: openStore<true>("dsp-negotiations-open", "unless-power-fails"),
    post: async (peer, url, message, signal) =>
      await office.send(peer, url, await documents.with(message, await mustBring(peer)), signal),
    ask: client.get,
    admits: (peer, message, pid) => admits(admission, peer, message, pid),
    /** What is not admitted leaves nothing behind, and ends nothing. */
    async begins(_peer, message) {
      await makesRoom({ ...admission, end: engine.end }, message);
      const document = brought.get(message);
      if (document !== undefined) await documents.keep(message, document);
    },
    mayTake: (record, message) =>
      index.subjectOf(record) === undefined ? beside.mayTake(record, message) : mayTake(ctx, record, message),
    next,
    stands: (record) => standingOn(concluded, record),
    endings: { waitMs, message: negotiationTermination },
    ended: {
      marks: openStore("dsp-negotiations-ended", "unless-power-fails"),
      gone: openStore("dsp-negotiations-gone", "unless-power-fails"),
      retention: { ...MOST_ENDED, keptMs },
      isNeeded,
      onForget: index.forget,
      onError: (pid, error, failures) =>
        log.warn({ err: error, pid, failures }, "negotiation: not forgotten; trying again"),
    },
    onMoved,
    onError: (pid, error) => log.debug({ err: error, pid }, "negotiation waits; trying again"),
  });
  const admission: AdmissionPorts = {
    self,
    stores,
    index,
    find: engine.find,
    beside: (peer, message, pid) => beside.admits(peer, message, pid),
  };
  const attempts = {
    engine,
    index,
    timers,
    base,
    addressOf: transport.addressOf,
    offer: async (asset: string) => (await services.catalogue.find(asset)).statement.offer,
    poke: pokeRequest,
  };

  async function next(record: NegotiationRecord): Promise<NegotiationMessage | undefined> {
    const { document, role } = record.side;
    if (document === undefined) return undefined;
    const about = index.subjectOf(record);
    if (about === undefined) return await beside.next(record);
    await index.note(role, about, record.pid);
    return role === "provider"
      ? await nextOfProvider({ stores, agreements: stores.agreements, concluded }, document)
      : await nextOfConsumer(consumerPorts(ctx), record.peer, document);
  }

  function onMoved(record: NegotiationRecord): void {
    const { pid, peer, side } = record;
    const about = index.subjectOf(record);
    if (about === undefined) {
      beside.onMoved(record);
      return;
    }
    const state = side.document?.state;
    if (side.sending === undefined && (state === undefined || isNegotiationOver(state))) {
      index.isOver(record, about);
      office.unwatch(pid);
    } else {
      index.isRunning(record, about);
      office.watch(pid, peer);
    }
    moved.ring(indexKey(side.role, about));
    // The driver decides, concludes, or asks anew.
    const isForProvider = side.role === "provider" && (state === "REQUESTED" || state === "VERIFIED");
    if (side.sending === undefined && (isForProvider || state === undefined || state === "TERMINATED"))
      pokeRequest(about.request);
  }

  /** The latest attempt says whether and when the next one begins. */
  async function isNeeded(record: NegotiationRecord): Promise<boolean> {
    const about = record.side.role === "consumer" ? await index.aboutOf(record) : undefined;
    const isLatest = about !== undefined && (await index.latest("consumer", about)) === record.pid;
    return isLatest && (await stores.lives.get(about.request))?.life.name === "submitted";
  }

  /** Nobody fetches at an address that takes no calls, and whoever fetches its messages gets the document with them. */
  const mustBring = async (peer: string): Promise<boolean> =>
    base.startsWith("urn:") || (await transport.addressOf(peer)).startsWith("urn:");

  async function takeFirst(peer: string, body: unknown, type: string): Promise<Negotiation> {
    const { message, document } = withoutDocument(body);
    if (document !== undefined) brought.set(message as object, document);
    // Of two that come at once the second one finds the first one running.
    const { target } = (message as { readonly offer?: { readonly target?: unknown } } | null)?.offer ?? {};
    return await oneAtATime(`${peer} ${target}`, () => engine.takeFirst(peer, message, type));
  }

  /** A letter about something else is for whoever stands beside. */
  async function dispatch(from: string, path: string, body: unknown): Promise<Answer> {
    if (beside.dispatch !== undefined && !path.startsWith(`${NEGOTIATION_COLLECTION}/`)) {
      return await beside.dispatch(from, path, body);
    }
    return await takeFetched(negotiationProtocol, { takeFirst, take: engine.take }, { from, path, body }, (error) =>
      log.warn({ err: error, from }, "negotiation: a fetched message could not be taken"),
    );
  }

  async function find(role: Role, request: string, asset: string): Promise<NegotiationRecord | undefined> {
    const about = { request, asset };
    const pid = index.running(role, about) ?? (await index.latest(role, about));
    return pid === undefined ? undefined : await engine.find(pid);
  }

  return Object.freeze({
    negotiations: { ...engine, takeFirst },
    attach(other: Beside) {
      beside = other;
    },
    transport,
    find,
    async documentFor(provider: string, request: string) {
      const document = await stores.documents.get(request);
      const { statement } = document?.document ?? {};
      const isNamed = statement?.requester === self && statement.assets.some((asset) => providerOf(asset) === provider);
      return isNamed ? document : undefined;
    },
    async ask(life: KnownLife) {
      if (life.name !== "submitted" || life.requester !== self || !(await stores.documents.get(life.id))) return;
      const undecided = Object.entries(life.assets).filter(
        ([, { outcome, agreement }]) => outcome !== "refuse" && agreement === undefined,
      );
      await Promise.all(undecided.map(([asset]) => askFor(attempts, life, asset)));
    },
    async isAsked(life: KnownLife, asset: string) {
      if ((await find("provider", life.id, asset)) !== undefined) return true;
      // Whoever takes calls is called.
      if (!base.startsWith("urn:")) return false;
      await reaching(`request ${life.id}`, () => office.collectFrom(life.requester, COLLECT_MS));
      if ((await find("provider", life.id, asset)) !== undefined) return true;
      throw new RequestError(
        "ERR_REQUEST_UNREACHABLE",
        `request ${life.id}: ${life.requester} has not asked for ${asset}`,
      );
    },
    async fetchDocument(life: KnownLife) {
      const brought = await documents.wrong(life.id);
      if (brought !== undefined) return brought;
      const isRunning = (asset: string) => index.running("provider", { request: life.id, asset }) !== undefined;
      const asset = Object.keys(life.assets).find(isRunning);
      const offer = asset && (await find("provider", life.id, asset))?.side.document?.offer;
      const address = offer ? dataRequestOf(offer)?.["@id"] : undefined;
      const document = address?.startsWith("https:")
        ? await client.get(life.requester, address, AbortSignal.timeout(FETCH_MS))
        : undefined;
      if (document !== undefined) return document;
      throw new RequestError("ERR_REQUEST_UNREACHABLE", `request ${life.id}: its document cannot be had now`);
    },
    async verified(kept: AgreementRecord, waitMs: number) {
      const key = indexKey("provider", kept);
      const until = ctx.clock() + ((await office.isRelayed(kept.terms.agreement.assignee)) ? 0 : waitMs);
      for (;;) {
        const record = await find("provider", kept.request, kept.asset);
        const document = record?.side.document;
        if (record === undefined || document === undefined) return false;
        const word = wordOf(record, kept);
        if (word !== "waits") return word === "verified";
        engine.poke(record.pid);
        const left = until - ctx.clock();
        if (left <= 0) return false;
        await moved.wait(key, left);
      }
    },
    poke(request: string) {
      for (const pid of index.runningOn(request)) engine.poke(pid);
    },
    start: engine.start,
    async stop() {
      moved.close();
      timers.stop();
      office.stop();
      await engine.stop();
    },
  } satisfies Negotiating);
}

async function reaching<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    throw new RequestError("ERR_REQUEST_UNREACHABLE", `${what}: ${(cause as Error).message}`, { cause });
  }
}
