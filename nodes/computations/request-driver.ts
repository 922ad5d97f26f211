/**
 * Moves requests: follows what the ledger says of each, and does what this node owes it as provider or requester.
 * Everything it does is a function of ledger and stores, so a restart goes on where a crash stopped.
 */
import { readAgreement, readComputation } from "../../chaincode/rules/keys.ts";
import { ComputationError } from "../../exchange/computations/errors.ts";
import {
  eventOf,
  isOver,
  isRefusedByAll,
  type LifeEvent,
  type RequestLife,
  step,
} from "../../exchange/requests/life.ts";
import { cancelRequest, recordSubmission } from "../../exchange/requests/submit.ts";
import type { LedgerEntry } from "../../ledger/port.ts";
import type { Context } from "./context.ts";
import { createKeyedQueue } from "./keyed-queue.ts";
import type { Negotiating } from "./negotiating.ts";
import { isPassing } from "./passing.ts";
import { serveRequest } from "./provider.ts";
import { fetchResult, isRestartable, openComputation } from "./requester.ts";
import { runsStoppedBy } from "./stopped-runs.ts";

export interface RequestDriver {
  /**
   * Takes one ledger record in; resolves with the request it is about, whose turn comes with `poke`. What it moved is
   * seen by all at once, and is in the store with `stored`.
   */
  take(entry: LedgerEntry): Promise<string | undefined>;
  stored(): Promise<void>;
  /** Looks at a request again, for example after a steward's word. */
  poke(request: string): void;
  /** Looks at every request, after a start. */
  pokeAll(): Promise<void>;
  /** Opens a computation on the agreements that stand; resolves with its id. */
  open(request: string): Promise<string>;
  stop(): Promise<void>;
}

export function createRequestDriver(ctx: Context, negotiating: Negotiating): RequestDriver {
  const { ledger, log, member: self } = ctx.services;
  const ports = { ...ctx.party, directory: ctx.facts, stores: ctx.stores };
  const storing = createOutstanding();
  const queue = createKeyedQueue({
    run: advance,
    isPassing,
    onError: (request, error) => log.warn({ err: error, request }, "request could not be advanced"),
  });

  async function advance(request: string): Promise<void> {
    await ask(request);
    negotiating.poke(request);
    await serveRequest(ctx, negotiating, request);
    const known = await ctx.stores.lives.get(request);
    // Filed, and the node died before its record was on the way.
    if (known?.life.name === "draft") return await recordSubmission(ports, request);
    if (known === undefined || known.life.requester !== self) return;
    const { life } = known;
    const { opensByItself } = ctx.services.config().computations;
    const asked = (await ctx.stores.documents.get(request))?.document.statement;
    // Its requester asks its provider, figure by figure or with a list.
    const isAskedAlone = asked?.encryptedQuery !== undefined || asked?.join !== undefined;
    if (opensByItself && !isAskedAlone && (life.name === "agreed" || isRestartable(life))) await openOrCancel(request);
    if (life.name === "submitted" && isRefusedByAll(life)) await cancelRequest(ports, request, "no-agreement");
    if (life.name === "released") await fetchResult(ctx, life.computation);
  }

  async function ask(request: string): Promise<void> {
    const life = (await ctx.stores.lives.get(request))?.life;
    if (life !== undefined && life.name !== "draft") await negotiating.ask(life);
  }

  /** Everyone has decided: what cannot be opened now never can, so the request ends with the reason. */
  async function openOrCancel(request: string): Promise<void> {
    try {
      await open(request);
    } catch (error) {
      if (!(error instanceof ComputationError) || error.code !== "ERR_COMPUTATION_NOT_OPENABLE") throw error;
      log.warn({ err: error, request }, "no computation can be opened on these agreements");
      await cancelRequest(ports, request, error.problems[0]?.code ?? "not-openable");
    }
  }

  function open(request: string): Promise<string> {
    const { stepMs, releaseMs } = ctx.services.config().computations;
    return openComputation(ctx, request, { keysMs: stepMs, sharesMs: stepMs, contributionMs: stepMs, releaseMs });
  }

  async function take(entry: LedgerEntry): Promise<string | undefined> {
    const event = eventOf(entry);
    if (event === undefined) return undefined;
    const request = await requestOf(event);
    if (request === undefined) return undefined;
    const known = await ctx.stores.lives.get(request);
    if (known !== undefined && known.position >= entry.position) return request;
    let life = moved(known?.life ?? { name: "draft", id: request }, event);
    for (const { computation, request: of, record } of await runsStoppedBy(ledger, entry)) {
      const isRunning = "computation" in life && life.computation === computation && !isOver(life);
      const body = { computation, reason: record.reason };
      if (of === request && isRunning) life = moved(life, { ...event, type: "computation.fail", body });
    }
    storing.add(ctx.stores.lives.put(request, { life, position: entry.position }));
    ctx.moved.ring(request);
    return request;
  }

  async function requestOf({ type, body }: LifeEvent): Promise<string | undefined> {
    if (type === "agreement.revoke") return (await readAgreement(ledger, body.agreement))?.agreement.request;
    if (type === "agreement.conclude") return body.request;
    if ("request" in body) return body.request;
    return (await readComputation(ledger, body.computation))?.request;
  }

  /** The contract ordered it, so a state that has no such move stays as it is and says so. */
  function moved(life: RequestLife, event: LifeEvent): RequestLife {
    try {
      return step(life, event);
    } catch (error) {
      log.warn({ err: error, type: event.type }, "ledger record does not move the request");
      return life;
    }
  }

  return Object.freeze({
    take,
    stored: storing.done,
    poke: (request: string) => queue.poke(request),
    async pokeAll() {
      for await (const [request] of ctx.stores.lives.entries()) queue.poke(request);
    },
    open,
    async stop() {
      ctx.moved.close();
      await queue.stop();
      await storing.done().catch((error: unknown) => log.error({ err: error }, "requests are not all in the store"));
    },
  });
}

/** Writes that nobody waits for one by one; the first failure is told to whoever waits for all. */
function createOutstanding() {
  const outstanding = new Set<Promise<void>>();
  let failed: { readonly error: unknown } | undefined;
  return {
    add(work: Promise<void>): void {
      const settled: Promise<void> = work
        .catch((error: unknown) => {
          failed ??= { error };
        })
        .finally(() => outstanding.delete(settled));
      outstanding.add(settled);
    },
    async done(): Promise<void> {
      await Promise.all(outstanding);
      if (failed !== undefined) throw failed.error;
    },
  };
}
