/**
 * Contract negotiations about data requests, in both roles: the engine of the Dataspace Protocol with what this node
 * knows of requests, decisions and the ledger behind it.
 */
import { readAgreement } from "../../chaincode/rules/keys.ts";
import { providerOf } from "../../chaincode/rules/rule.ts";
import { offerOf } from "../../exchange/negotiation/agreement.ts";
import { firstRequest } from "../../exchange/negotiation/compose.ts";
import { dataRequestOf, openOffer, withDataRequest } from "../../exchange/negotiation/data-request.ts";
import type { MessageOffer, NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import { isNegotiationOver, type Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { callAt, joined } from "../../exchange/protocol/paths.ts";
import type { Role } from "../../exchange/protocol/vocabulary.ts";
import { isAgreedIn, nextOfProvider } from "../../exchange/requests/agree.ts";
import {
  type AgreementRecord,
  agreementKey,
  consumerPidOf,
  isConcluded,
} from "../../exchange/requests/agreement-record.ts";
import type { KnownLife } from "../../exchange/requests/decide-request.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import { asksAgainAt, isOpenToAgree, type Subject, subjectOf } from "../../exchange/requests/negotiated.ts";
import { mayFinalize, nextOfConsumer } from "../../exchange/requests/verify-agreement.ts";
import { notYet, unknownProcess } from "../dataspace/dataspace-error.ts";
import type { Answer } from "../dataspace/post-office.ts";
import type { ProcessRecord } from "../dataspace/process-record.ts";
import { createProcesses, type Processes, type ProcessPorts } from "../dataspace/processes.ts";
import { createTimers } from "../dataspace/timers.ts";
import { createTransport, type Transport } from "../dataspace/transport.ts";
import { refusalOf } from "../http/dataspace/answer-error.ts";
import { problemOf } from "../http/problem.ts";
import { createBroughtDocuments, withoutDocument } from "./brought-documents.ts";
import { consumerPorts } from "./consumer.ts";
import type { Context } from "./context.ts";
import { createKeyedBell } from "./keyed-bell.ts";

export type NegotiationRecord = ProcessRecord<Negotiation, NegotiationMessage>;

/** A new policy may overtake a negotiation, or its provider be away, so often: some weeks of asking in vain. */
const MAX_ATTEMPTS = 32;
/** How long filing the offers of a request waits for an entry of the catalogue. */
const ENTRY_WAIT_MS = 2_000;
/** How long the other side's word waits for this node's replica to have what it rests on. */
const BEHIND_MS = 2_000;
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
export type Beside = Pick<ProcessPorts<Negotiation, NegotiationMessage>, "admits" | "next"> & {
  readonly onMoved: (record: NegotiationRecord) => void;
};
const NOTHING_BESIDE: Beside = {
  admits: async () => ({ code: "data-request-wanted", detail: "the offer names no data request" }),
  next: async () => undefined,
  onMoved: () => undefined,
};

interface Open extends Subject {
  readonly pid: string;
}

export function createNegotiating(ctx: Context, pokeRequest: (request: string) => void): Negotiating {
  const { services, stores } = ctx;
  const { member: self, log, ledger } = services;
  const records = services.openStore<NegotiationRecord>("dsp-negotiations");
  /** By role, request and asset: the pid of the latest negotiation. */
  const latest = services.openStore<string>("dsp-negotiation-of", "unless-power-fails");
  const documents = createBroughtDocuments(ctx);
  /** By the same key: what is not over. */
  const open = new Map<string, Open>();
  const moved = createKeyedBell();
  const timers = createTimers(services.now);
  let beside = NOTHING_BESIDE;
  const transport = createTransport(services, dispatch);
  const { office, client, base } = transport;

  const keyOf = (role: Role, request: string, asset: string): string => `${role}/${agreementKey(request, asset)}`;
  const concluded = async (agreement: string) => (await readAgreement(ledger, agreement))?.agreement;

  const engine = createProcesses<Negotiation, NegotiationMessage>({
    protocol: negotiationProtocol,
    now: services.now,
    records,
    open: services.openStore<true>("dsp-negotiations-open", "unless-power-fails"),
    post: async (peer, url, message, signal) =>
      await office.send(peer, url, await documents.with(message, await mustBring(peer)), signal),
    ask: client.get,
    admits,
    mayTake,
    next,
    stands,
    onMoved,
    onError: (pid, error) => log.debug({ err: error, pid }, "negotiation waits; trying again"),
  });

  async function next(record: NegotiationRecord): Promise<NegotiationMessage | undefined> {
    const { document, role } = record.side;
    const subject = document && subjectOf(document);
    if (document === undefined) return undefined;
    if (subject === undefined) return await beside.next(record);
    const key = keyOf(role, subject.request, subject.asset);
    if ((await latest.get(key)) !== record.pid) await latest.put(key, record.pid);
    return role === "provider"
      ? await nextOfProvider({ stores, agreements: stores.agreements, concluded }, document)
      : await nextOfConsumer(consumerPorts(ctx), record.peer, document);
  }

  function onMoved(record: NegotiationRecord): void {
    const { pid, peer, side } = record;
    const offer = side.document?.offer ?? (side.sending as { readonly offer?: MessageOffer } | undefined)?.offer;
    // Of a first message that was never taken nothing is left to say what it was about.
    const subject = offer ? subjectOf({ offer }) : [...open.values()].find((one) => one.pid === pid);
    if (subject === undefined) {
      beside.onMoved(record);
      return;
    }
    const { request, asset } = subject;
    const state = side.document?.state;
    const key = keyOf(side.role, request, asset);
    const isOver = side.sending === undefined && (state === undefined || isNegotiationOver(state));
    if (isOver) {
      if (open.get(key)?.pid === pid) open.delete(key);
      office.unwatch(pid);
    } else {
      open.set(key, { pid, request, asset });
      office.watch(pid, peer);
    }
    moved.ring(key);
    // The driver decides, concludes, or asks anew.
    const isForProvider = side.role === "provider" && (state === "REQUESTED" || state === "VERIFIED");
    if (side.sending === undefined && (isForProvider || state === undefined || state === "TERMINATED"))
      pokeRequest(request);
  }

  /** The ledger has the very agreement that this negotiation is about. */
  async function stands({ side: { document } }: NegotiationRecord): Promise<boolean> {
    const subject = document && subjectOf(document);
    const kept = subject && (await stores.agreements.get(agreementKey(subject.request, subject.asset)));
    if (document === undefined || kept === undefined || !isAgreedIn(document, kept)) return false;
    const found = await concluded(kept.agreement);
    return found !== undefined && isConcluded(found, kept);
  }

  /** The requester asks for what its request on the ledger names, and says which. */
  async function admits(peer: string, message: NegotiationMessage) {
    const because = (code: string, detail: string) => ({ code, detail });
    const reference = message["@type"] === "ContractRequestMessage" ? dataRequestOf(message.offer) : undefined;
    if (reference === undefined || message["@type"] !== "ContractRequestMessage") {
      return await beside.admits(peer, message);
    }
    const life = (await stores.lives.get(reference.request))?.life;
    if (life === undefined || life.name === "draft")
      throw notYet(`request ${reference.request}: not on the ledger here`);
    const { target } = message.offer;
    if (life.requester !== peer) return because("data-request-mismatch", `request ${life.id}: not filed by ${peer}`);
    if (life.digest !== reference.digest) {
      return because("data-request-mismatch", `request ${life.id}: the ledger has another digest of it`);
    }
    if (providerOf(target) !== self || !(target in life.assets)) {
      return because("asset-not-in-request", `request ${life.id}: names no asset ${target} of ${self}`);
    }
    return isOpenToAgree(life) ? undefined : because("request-over", `request ${life.id}: already ${life.name}`);
  }

  /** FINALIZED rests on the ledger, which this node may have a moment later. */
  async function mayTake({ side }: NegotiationRecord, message: NegotiationMessage) {
    const { document } = side;
    const isFinal = message["@type"] === "ContractNegotiationEventMessage" && message.eventType === "FINALIZED";
    const isAwaited = document?.state === "AGREED" || document?.state === "VERIFIED";
    const subject = document && subjectOf(document);
    if (!isFinal || side.role !== "consumer" || subject === undefined || !isAwaited) return undefined;
    const ports = consumerPorts(ctx);
    let word = await mayFinalize(ports, document);
    if (word === "not-yet") {
      await ctx.moved.wait(subject.request, BEHIND_MS);
      word = await mayFinalize(ports, document);
    }
    if (word === "yes") return undefined;
    if (word === "not-yet") throw notYet("the agreement is not on the ledger here");
    return { code: "agreement-not-on-ledger", detail: "the ledger does not have what was verified" };
  }

  /** Nobody fetches at an address that takes no calls, and whoever fetches its messages gets the document with them. */
  const mustBring = async (peer: string): Promise<boolean> =>
    base.startsWith("urn:") || (await transport.addressOf(peer)).startsWith("urn:");

  async function takeFirst(peer: string, body: unknown, type: string): Promise<Negotiation> {
    const { message, document } = withoutDocument(body);
    const parsed = document === undefined ? undefined : negotiationProtocol.parse(message, ["ContractRequestMessage"]);
    // What is not admitted leaves nothing behind.
    if (parsed?.ok === true && (await admits(peer, parsed.message)) === undefined) {
      await documents.keep(parsed.message, document);
    }
    return await engine.takeFirst(peer, message, type);
  }

  async function dispatch(from: string, path: string, body: unknown): Promise<Answer> {
    try {
      const call = callAt(negotiationProtocol, path);
      if (call === undefined) throw unknownProcess();
      const taken =
        call.pid === undefined
          ? await takeFirst(from, body, call.type)
          : await engine.take(from, call.pid, body, call.type);
      return { status: call.pid === undefined ? 201 : 200, body: negotiationProtocol.answer(taken) };
    } catch (error) {
      const refusal = refusalOf(negotiationProtocol.error, error);
      if (refusal !== undefined) return refusal;
      log.warn({ err: error, from }, "negotiation: a fetched message could not be taken");
      return { status: problemOf(error).status, body: {} };
    }
  }

  async function find(role: Role, request: string, asset: string): Promise<NegotiationRecord | undefined> {
    const key = keyOf(role, request, asset);
    const pid = open.get(key)?.pid ?? (await latest.get(key));
    return pid === undefined ? undefined : await engine.find(pid);
  }

  /** Begins the first negotiation on an asset, or the next one where the one before came to nothing. */
  async function askFor(life: KnownLife, asset: string): Promise<void> {
    const key = keyOf("consumer", life.id, asset);
    if (open.has(key)) return;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const pid = consumerPidOf(life.id, asset, attempt);
      const before = await engine.find(pid);
      if (before === undefined) {
        const peer = providerOf(asset);
        const message = firstRequest(pid, await offerFor(life, asset), base);
        await latest.put(key, pid);
        return await engine.begin({ pid, peer, address: await transport.addressOf(peer), message });
      }
      const at = asksAgainAt(before.side.document, before.refusal?.at, attempt);
      if (at === undefined) return;
      // Only the latest one's pause can be ahead.
      const due = new Date(at).toISOString();
      if (timers.isAhead(due)) return timers.at(key, due, () => pokeRequest(life.id));
    }
  }

  async function offerFor(life: KnownLife, asset: string): Promise<MessageOffer> {
    const address = base.startsWith("urn:") ? `urn:sealane:request:${life.id}` : joined(base, "requests", life.id);
    const reference = { "@id": address, request: life.id, digest: life.digest };
    const entry = await withinMs(services.catalogue.find(asset), ENTRY_WAIT_MS);
    return entry === undefined
      ? openOffer(asset, reference)
      : withDataRequest(offerOf(entry.statement.offer), reference);
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
      await Promise.all(undecided.map(([asset]) => askFor(life, asset)));
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
      const asset = Object.keys(life.assets).find((id) => open.has(keyOf("provider", life.id, id)));
      const offer = asset && (await find("provider", life.id, asset))?.side.document?.offer;
      const address = offer ? dataRequestOf(offer)?.["@id"] : undefined;
      const document = address?.startsWith("https:")
        ? await client.get(life.requester, address, AbortSignal.timeout(BEHIND_MS * 5))
        : undefined;
      if (document !== undefined) return document;
      throw new RequestError("ERR_REQUEST_UNREACHABLE", `request ${life.id}: its document cannot be had now`);
    },
    async verified(kept: AgreementRecord, waitMs: number) {
      const key = keyOf("provider", kept.request, kept.asset);
      const until = ctx.clock() + ((await office.isRelayed(kept.terms.agreement.assignee)) ? 0 : waitMs);
      for (;;) {
        const record = await find("provider", kept.request, kept.asset);
        const document = record?.side.document;
        if (record === undefined || document === undefined) return false;
        const { state } = document;
        if ((state === "VERIFIED" || state === "FINALIZED") && isAgreedIn(document, kept)) return true;
        if (isNegotiationOver(state)) return false;
        engine.poke(record.pid);
        const left = until - ctx.clock();
        if (left <= 0) return false;
        await moved.wait(key, left);
      }
    },
    poke(request: string) {
      for (const one of open.values()) if (one.request === request) engine.poke(one.pid);
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

/** Undefined where it does not come in time, or not at all. */
async function withinMs<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), ms);
  return await Promise.race([work.catch(() => undefined), promise]).finally(() => clearTimeout(timer));
}
