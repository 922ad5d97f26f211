/** Test fixture: two participants with the engine each, over a wire on which messages are lost and processes die. */
import { expect } from "vitest";
import {
  agreementMessage,
  eventMessage,
  firstRequest,
  verificationMessage,
} from "../../exchange/negotiation/compose.ts";
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import type { RecordStore } from "../store/records.ts";
import { DataspaceError } from "./dataspace-error.ts";
import type { Processes, ProcessPorts } from "./process-ports.ts";
import type { Delivery, ProcessRecord } from "./process-record.ts";
import { createProcesses } from "./processes.ts";

export type Record = ProcessRecord<Negotiation, NegotiationMessage>;
export type Next = (record: Record) => Promise<NegotiationMessage | undefined>;
export type Name = "alpha" | "beta";

export const OFFER = {
  "@id": "offer-1",
  "@type": "Offer" as const,
  target: "beta:panel",
  permission: [{ action: "use" }],
};
export const PID = "0a0d6a5c-9f0e-4f0e-8d3c-6a2a0f0c0001";
export const BEGIN = {
  pid: PID,
  peer: "beta",
  address: "https://beta.example/dsp/",
  message: firstRequest(PID, OFFER, "https://alpha.example/dsp"),
};

/** What a consumer and a provider that want to agree say in each state. */
export const agreeing: Next = async ({ side: { document, role }, pid, peer }) => {
  if (document?.state === "REQUESTED" && role === "provider") {
    const agreement = { "@id": `urn:uuid:${pid}`, "@type": "Agreement" as const, target: OFFER.target };
    const parties = { assigner: "beta", assignee: peer, timestamp: "2026-11-22T12:00:00Z" };
    return agreementMessage(document, { ...agreement, ...parties, permission: [{ action: "use" }] });
  }
  if (document?.state === "AGREED" && role === "consumer") return verificationMessage(document);
  if (document?.state === "VERIFIED" && role === "provider") return eventMessage(document, "FINALIZED");
  return undefined;
};
export const silent: Next = async () => undefined;

interface Life {
  readonly engine: Processes<Negotiation, NegotiationMessage>;
  readonly death: PromiseWithResolvers<void>;
  isAlive: boolean;
}

/** What becomes of a message: it or its answer is lost, or a process dies at the worst moment. */
export const FATES = ["arrives", "lost", "answer-lost", "receiver-dies", "receiver-dies-after", "sender-dies"] as const;
type Fate = (typeof FATES)[number];

/** Two participants with a store each; the fates of messages are taken in order, then all arrive. */
export function createWorld(
  next: { readonly [name in Name]: Next },
  fates: readonly Fate[] = [],
  ports: Partial<ProcessPorts<Negotiation, NegotiationMessage>> = {},
) {
  const left = [...fates];
  const stores = {
    alpha: { records: memoryRecords<Record>(), open: memoryRecords<true>() },
    beta: { records: memoryRecords<Record>(), open: memoryRecords<true>() },
  };
  const running: Partial<{ [name in Name]: Life }> = {};
  const errors: unknown[] = [];
  const posted: string[] = [];

  function boot(name: Name) {
    const death = Promise.withResolvers<void>();
    const life = { isAlive: true, death };
    const engine = createProcesses<Negotiation, NegotiationMessage>({
      protocol: negotiationProtocol,
      records: mortal(stores[name].records, () => life.isAlive),
      open: mortal(stores[name].open, () => life.isAlive),
      now: () => new Date().toISOString(),
      post: (peer, url, message) => post(name, peer as Name, url, message),
      ask: async (peer, url) => (await call(name, peer as Name, url, undefined)).answer,
      admits: async () => undefined,
      next: next[name],
      onError: (_pid, error) => errors.push(error),
      patience: { firstPauseMs: 1, longestPauseMs: 4, giveUpMs: 60_000, doubtfulTries: 50 },
      ...ports,
    });
    running[name] = Object.assign(life, { engine });
    return engine.start();
  }
  async function die(name: Name) {
    const dead = running[name]!;
    dead.isAlive = false;
    dead.death.resolve();
    void dead.engine.stop();
    await boot(name);
  }

  async function call(from: Name, to: Name, url: string, message: NegotiationMessage | undefined) {
    const [collection, pid = "", ...rest] = new URL(url).pathname.replace("/dsp/", "").split("/");
    expect(collection).toBe("negotiations");
    const { engine } = running[to]!;
    const first = { request: "ContractRequestMessage", offers: "ContractOfferMessage" }[pid];
    try {
      const document =
        message === undefined
          ? await engine.show(from, pid)
          : first !== undefined && rest.length === 0
            ? await engine.takeFirst(from, message, first)
            : await engine.take(from, pid, message, message["@type"]);
      return { answer: negotiationProtocol.answer(document) };
    } catch (error) {
      if (!(error instanceof DataspaceError)) throw error;
      return { error };
    }
  }

  async function post(from: Name, to: Name, url: string, message: NegotiationMessage): Promise<Delivery> {
    posted.push(`${from} ${message["@type"]}`);
    const lost: Delivery = { kind: "passing", code: "lost", doubtful: false };
    const fate = left.shift() ?? "arrives";
    if (fate === "lost") return lost;
    if (fate === "receiver-dies") {
      await die(to);
      return lost;
    }
    if (fate === "sender-dies") await die(from);
    // The other side goes on while a message travels: what both say at once crosses.
    await travels();
    // A connection to a process that dies breaks.
    const broken = running[to]!.death.promise.then(() => undefined);
    const answered = await Promise.race([call(from, to, url, message), broken]);
    if (answered === undefined) return lost;
    const { answer, error } = answered;
    if (fate === "receiver-dies-after") await die(to);
    if (fate === "answer-lost" || fate === "receiver-dies-after") return lost;
    if (error === undefined) return { kind: "taken", answer };
    if (error.code === "ERR_DATASPACE_CROSSED") return { kind: "passing", code: "crossed", doubtful: true };
    return { kind: "refused", code: error.said.code, reasons: error.said.reasons };
  }

  const travels = () => new Promise((resolve) => setTimeout(resolve, 1));

  const kept = async (name: Name): Promise<Record | undefined> => {
    for await (const [, record] of stores[name].records.entries()) return record;
    return undefined;
  };
  return {
    boot: () => Promise.all([boot("alpha"), boot("beta")]),
    engine: (name: Name) => running[name]!.engine,
    kept,
    states: async () => [(await kept("alpha"))?.side.document?.state, (await kept("beta"))?.side.document?.state],
    stop: () => Promise.all(Object.values(running).map(({ engine }) => engine.stop())),
    die,
    stores,
    errors,
    posted,
  };
}

/** What a process that has died writes never arrives, and it never hears of it. */
function mortal<V>(store: RecordStore<V>, isAlive: () => boolean): RecordStore<V> {
  const never = new Promise<never>(() => undefined);
  return {
    ...store,
    get: async (id) => (isAlive() ? structuredClone(await store.get(id)) : await never),
    put: (id, value) => (isAlive() ? store.put(id, structuredClone(value)) : never),
    delete: (id) => (isAlive() ? store.delete(id) : never),
  };
}

export const SOON = { timeout: 20_000, interval: 2 };
