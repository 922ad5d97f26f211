/**
 * The exchange part of a running node: follows the ledger, moves requests, runs this node's roles in computations.
 * Everything it does is a function of ledger, stores and in-flight files, so a restart goes on where a crash stopped.
 */
import { readAgreement, readComputation, readComputationStep } from "../../chaincode/rules/keys.ts";
import type { ComputationOpened } from "../../chaincode/rules/records.ts";
import type { LedgerRecord } from "../../crypto/secagg/opened.ts";
import type { CommonInput, MemberInput } from "../../crypto/secagg/step.ts";
import { ComputationError } from "../../exchange/computations/errors.ts";
import { computationOf, ledgerRecordOf } from "../../exchange/computations/ledger-record.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import {
  eventOf,
  isOver,
  isRefusedByAll,
  type LifeEvent,
  type RequestLife,
  step,
} from "../../exchange/requests/life.ts";
import { cancelRequest, recordSubmission } from "../../exchange/requests/submit.ts";
import { type LedgerEntry, LedgerError } from "../../ledger/port.ts";
import { PeerError } from "../peer/peer-error.ts";
import type { Context, RoleName, Transcript } from "./context.ts";
import { type CoordinatorRole, runCoordinator } from "./coordinator-role.ts";
import { recordFault } from "./faults.ts";
import type { HostedRole } from "./hosted-role.ts";
import { checked, maximumBytesOf, refusing, signedPart } from "./inbound.ts";
import { createKeyedQueue } from "./keyed-queue.ts";
import { eraseLeftovers, OVER } from "./leftovers.ts";
import { runMember } from "./member-role.ts";
import { serveRequest } from "./provider.ts";
import { runReceiver } from "./receiver-role.ts";
import { serveThroughRelay } from "./relay.ts";
import { failExpired, fetchResult, isRestartable, openComputation, resumeOpening } from "./requester.ts";
import { endOf, runsStoppedBy } from "./stopped-runs.ts";

export interface ExchangeService {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Looks at a request again, for example after a steward's word. */
  pokeRequest(request: string): void;
  /** Opens a computation on the agreements that stand; resolves with its id. */
  open(request: string): Promise<string>;
  /** Documents or a dossier have come: starts the role that waited for them. */
  pokeComputation(computation: string): Promise<void>;
  mailbox(computation: string): CoordinatorRole["mailbox"] | undefined;
  /** A protocol message of another member, for this node's coordinator or receiver role. Throws when it is refused. */
  take(from: string, computation: string, message: unknown, bytes: number): Promise<void>;
  takeTranscript(from: string, computation: string, transcript: Transcript): Promise<void>;
}

interface Roles {
  member?: HostedRole<MemberInput>;
  coordinator?: CoordinatorRole;
  receiver?: HostedRole<CommonInput>;
}

const LAST_WORDS_MS = 2_000;
const RELAY_POLL_MS = 1_000;
const SWEEP_MS = 60 * 60_000;
const CURSOR = "position";
const CURSOR_EVERY = 64;
const ENDS: readonly string[] = ["release", "withhold", "fail"];
const ENDINGS: readonly string[] = ["result.release", "result.withhold", "computation.fail"];

export function createExchangeService(ctx: Context): ExchangeService {
  const { ledger, log, member: self } = ctx.services;
  const active = new Map<string, Roles>();
  const starting = new Map<string, Promise<void>>();
  const stopping = new AbortController();
  const timers = new Map<string, NodeJS.Timeout>();
  let following: Promise<void> = Promise.resolve();

  const submitPorts = { ...ctx.party, directory: ctx.facts, stores: ctx.stores };
  const queue = createKeyedQueue({
    run: advanceRequest,
    isPassing,
    onError: (request, error) => log.warn({ err: error, request }, "request could not be advanced"),
  });

  // ---- requests

  async function advanceRequest(request: string): Promise<void> {
    await serveRequest(ctx, request);
    if (await serveThroughRelay(ctx, request)) {
      timers.set(
        `${request}/relay`,
        setTimeout(() => queue.poke(request), RELAY_POLL_MS),
      );
    }
    const known = await ctx.stores.lives.get(request);
    // Filed, and the node died before its record was on the way.
    if (known?.life.name === "draft") return await recordSubmission(submitPorts, request);
    if (known === undefined || known.life.requester !== self) return;
    const { life } = known;
    const { opensByItself } = ctx.services.config().computations;
    if (opensByItself && (life.name === "agreed" || isRestartable(life))) await openOrCancel(request);
    if (life.name === "submitted" && isRefusedByAll(life)) await cancel(request, "no-agreement");
    if (life.name === "released") await fetchResult(ctx, life.computation);
  }

  /** Everyone has decided: what cannot be opened now never can, so the request ends with the reason. */
  async function openOrCancel(request: string): Promise<void> {
    try {
      await open(request);
    } catch (error) {
      if (!(error instanceof ComputationError) || error.code !== "ERR_COMPUTATION_NOT_OPENABLE") throw error;
      log.warn({ err: error, request }, "no computation can be opened on these agreements");
      await cancel(request, error.problems[0]?.code ?? "not-openable");
    }
  }

  const cancel = (request: string, reason: string): Promise<void> => cancelRequest(submitPorts, request, reason);

  function open(request: string): Promise<string> {
    const { stepMs, releaseMs } = ctx.services.config().computations;
    return openComputation(ctx, request, { keysMs: stepMs, sharesMs: stepMs, contributionMs: stepMs, releaseMs });
  }

  async function moveLife(entry: LedgerEntry): Promise<string | undefined> {
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
    await ctx.stores.lives.put(request, { life, position: entry.position });
    return request;
  }

  async function requestOf({ type, body }: LifeEvent): Promise<string | undefined> {
    if (type === "agreement.revoke") return (await readAgreement(ledger, body.agreement))?.agreement.request;
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

  // ---- computations

  async function onComputation(entry: LedgerEntry): Promise<void> {
    const id = computationOf(entry);
    if (id === undefined) return;
    if (entry.transaction.statement.type === "computation.open") return await startRoles(id);
    const roles = active.get(id);
    if (roles !== undefined) await feedRecord(roles, entry, id);
    if (ENDINGS.includes(entry.transaction.statement.type)) await eraseUnused(id);
  }

  /** The key of a receiver whose documents never came. */
  async function eraseUnused(id: string): Promise<void> {
    if (active.get(id)?.receiver === undefined) await eraseLeftovers(ctx, id);
  }

  async function feedRecord(roles: Roles, entry: LedgerEntry, id: string): Promise<void> {
    const bitmap = (await readComputationStep(ledger, id, "maskset"))?.bitmap;
    const record = ledgerRecordOf(entry, bitmap);
    if (record !== undefined) feed(roles, record, id);
  }

  function feed(roles: Roles, record: LedgerRecord, id: string): void {
    for (const role of [roles.member, roles.coordinator, roles.receiver]) role?.poke({ kind: "ledger", record });
    if (!ENDS.includes(record.record)) return;
    clearTimeout(timers.get(id));
    timers.delete(id);
    // Members that have not fetched the last messages still may.
    const { coordinator } = roles;
    if (coordinator !== undefined && !coordinator.signal.aborted) {
      timers.set(
        `${id}/coordinator`,
        setTimeout(() => coordinator.background(() => coordinator.finish()), LAST_WORDS_MS),
      );
    }
  }

  function startRoles(id: string): Promise<void> {
    const earlier = starting.get(id) ?? Promise.resolve();
    const started = earlier
      .then(() => startMissing(id))
      .catch((error: unknown) => {
        log.error({ err: error, computation: id }, "role could not start");
      });
    starting.set(id, started);
    return started;
  }

  async function startMissing(id: string): Promise<void> {
    const opened = await ctx.facts.opened(id);
    const state = await readComputation(ledger, id);
    if (opened === undefined || state === undefined || stopping.signal.aborted) return;
    const over = OVER.includes(state.state);
    const roles = active.get(id) ?? {};
    active.set(id, roles);
    const fresh: HostedRole<never>[] = [];
    const wanted = async (name: RoleName, isMine: boolean) =>
      isMine && roles[name] === undefined && (await isDue(id, name, over));
    const { body } = opened;
    if (
      await wanted(
        "member",
        body.cohort.some(({ member }) => member === self),
      )
    ) {
      roles.member = await runMember(ctx, opened);
      fresh.push(roles.member as HostedRole<never>);
    }
    if (await wanted("coordinator", body.coordinator === self)) {
      const role = await runCoordinator(ctx, opened);
      if (role !== undefined) {
        roles.coordinator = role;
        fresh.push(role as HostedRole<never>);
      }
    }
    if (await wanted("receiver", body.receiver === self)) {
      const role = await runReceiver(ctx, opened);
      if (role !== undefined) {
        roles.receiver = role;
        fresh.push(role as HostedRole<never>);
      }
    }
    if (fresh.length > 0) await replay(opened, fresh as unknown as readonly HostedRole<CommonInput>[]);
    const { coordinator } = roles;
    if (over && coordinator !== undefined) coordinator.background(() => coordinator.finish());
    if (opened.requester === self && !over) watchDeadline(opened);
  }

  /** A role that is over stays over; one that never began is not begun for a computation that has ended. */
  async function isDue(id: string, name: RoleName, over: boolean): Promise<boolean> {
    const known = await ctx.stores.roles.get(`${id}/${name}`);
    return known === undefined ? !over : known.state === "running";
  }

  /** Records that are on the ledger already; every one may be fed again. */
  async function replay(opened: ComputationOpened, roles: readonly HostedRole<CommonInput>[]): Promise<void> {
    const id = opened.body.computation;
    const bitmap = (await readComputationStep(ledger, id, "maskset"))?.bitmap;
    for await (const entry of ledger.entries(opened.position + 1)) {
      if (computationOf(entry) !== id) continue;
      const record = ledgerRecordOf(entry, bitmap);
      if (record !== undefined) for (const role of roles) role.poke({ kind: "ledger", record });
    }
    const state = await readComputation(ledger, id);
    const end = state === undefined ? undefined : endOf(state);
    for (const role of roles) {
      if (end !== undefined) role.poke({ kind: "ledger", record: end });
      role.poke({ kind: "tick" });
    }
  }

  function watchDeadline({ body }: ComputationOpened): void {
    const wait = Math.min(Math.max(Date.parse(body.deadlines.release) - ctx.clock(), 0) + 1_000, 2 ** 31 - 1);
    const timer = setTimeout(() => {
      failExpired(ctx, body.computation).catch((error: unknown) =>
        log.warn({ err: error, computation: body.computation }, "expired computation could not be ended"),
      );
    }, wait);
    timer.unref();
    clearTimeout(timers.get(body.computation));
    timers.set(body.computation, timer);
  }

  async function onRevoked(entry: LedgerEntry): Promise<void> {
    const { type, body } = entry.transaction.statement;
    if (type === "agreement.revoke" && entry.transaction.signer === self) {
      const { agreement } = body as { agreement: string };
      for (const [id, roles] of active) {
        const opened = roles.member === undefined ? undefined : await ctx.facts.opened(id);
        if (opened?.body.cohort.some((one) => one.agreement === agreement)) roles.member?.poke({ kind: "revoked" });
      }
    }
    for (const { computation, record } of await runsStoppedBy(ledger, entry)) {
      const roles = active.get(computation);
      if (roles !== undefined) feed(roles, record, computation);
      await eraseUnused(computation);
    }
  }

  // ---- ledger

  async function follow(): Promise<void> {
    const from = (await ctx.stores.cursor.get(CURSOR)) ?? 0;
    let sinceCursor = 0;
    for await (const entry of ledger.follow(from, stopping.signal)) {
      const request = await moveLife(entry);
      await onComputation(entry);
      await onRevoked(entry);
      if (request !== undefined) queue.poke(request);
      sinceCursor += 1;
      if (sinceCursor >= CURSOR_EVERY) {
        await ctx.stores.cursor.put(CURSOR, entry.position + 1);
        sinceCursor = 0;
      }
    }
  }

  async function restore(): Promise<void> {
    for await (const [, role] of ctx.stores.roles.entries()) {
      if (role.state === "running") await startRoles(role.computation);
    }
    for await (const [computation] of ctx.stores.openings.entries()) {
      const state = await readComputation(ledger, computation);
      if (state === undefined || OVER.includes(state.state)) continue;
      const opened = await ctx.facts.opened(computation);
      if (opened !== undefined) watchDeadline(opened);
      resumeOpening(ctx, computation).catch((error: unknown) => log.warn({ err: error }, "documents not handed over"));
    }
    for await (const [request] of ctx.stores.lives.entries()) queue.poke(request);
  }

  const running = (computation: string): Roles => {
    const roles = active.get(computation);
    if (roles === undefined) {
      throw new ComputationError("ERR_COMPUTATION_UNKNOWN", `computation ${computation}: not running here`);
    }
    return roles;
  };

  /** A role that is still to start, after a restart or before its documents, is worth another try. */
  async function rolesFor(computation: string): Promise<Roles> {
    const roles = active.get(computation);
    if (roles?.coordinator !== undefined || roles?.receiver !== undefined) return roles;
    const [opened, state] = await Promise.all([ctx.facts.opened(computation), readComputation(ledger, computation)]);
    const isOurs = opened?.body.coordinator === self || opened?.body.receiver === self;
    if (isOurs && state !== undefined && !OVER.includes(state.state)) {
      throw new RequestError("ERR_REQUEST_UNREACHABLE", `computation ${computation}: about to start here; try again`);
    }
    return running(computation);
  }

  /** What others sent and nobody opened is erased, now and every hour, and what a crash has left of ended roles. */
  function sweep(): void {
    ctx.unopened.sweep().catch((error: unknown) => log.warn({ err: error }, "unopened documents could not be erased"));
    eraseLeftovers(ctx).catch((error: unknown) => log.error({ err: error }, "in-flight files could not be erased"));
    timers.set("sweep", setTimeout(sweep, SWEEP_MS).unref());
  }

  return Object.freeze({
    async start() {
      await restore();
      sweep();
      following = follow().catch((error: unknown) => {
        if (!stopping.signal.aborted) log.error({ err: error }, "stopped following the ledger");
      });
    },
    async stop() {
      stopping.abort();
      for (const timer of timers.values()) clearTimeout(timer);
      await Promise.all([queue.stop(), ...starting.values()]);
      for (const roles of active.values()) {
        await Promise.all([roles.member?.stop(), roles.coordinator?.stop(), roles.receiver?.stop()]);
      }
      await following;
    },
    pokeRequest: (request: string) => queue.poke(request),
    open,
    pokeComputation: (computation: string) => startRoles(computation),
    mailbox: (computation: string) => active.get(computation)?.coordinator?.mailbox,
    async take(from: string, computation: string, value: unknown, bytes: number) {
      const { coordinator, receiver } = await rolesFor(computation);
      const limit = coordinator === undefined ? undefined : maximumBytesOf(value, coordinator.size);
      if (limit !== undefined && bytes > limit) {
        await recordFault(ctx, computation, { member: from, reason: "oversized-message" });
        throw new ComputationError("ERR_COMPUTATION_SIZE", `message: ${bytes} bytes, at most ${limit} allowed`);
      }
      const message = checked(value, computation);
      const role = message.type === "omitted" ? receiver : coordinator;
      if (role === undefined) {
        throw new ComputationError("ERR_COMPUTATION_UNKNOWN", `computation ${computation}: this node has no such role`);
      }
      try {
        await refusing(() => role.feed({ kind: "message", from, message }));
        const signed = signedPart(message);
        if (signed !== undefined) await ctx.stores.witnessed.put(`${computation}/${from}/${message.type}`, signed);
      } catch (error) {
        if (error instanceof ComputationError) {
          await recordFault(ctx, computation, { member: from, reason: `refused-${message.type}` });
        }
        throw error;
      }
    },
    async takeTranscript(from: string, computation: string, transcript: Transcript) {
      const opened = await ctx.facts.opened(computation);
      if (opened?.body.receiver !== self || opened.body.coordinator !== from) {
        throw new ComputationError("ERR_COMPUTATION_FORBIDDEN", `computation ${computation}: not from its coordinator`);
      }
      const message = checked(transcript.result, computation);
      // Kept first: when the role has decoded, evidence is assembled from it.
      if ((await ctx.stores.transcripts.get(computation)) === undefined) {
        await ctx.stores.transcripts.put(computation, transcript);
      }
      await startRoles(computation);
      const { receiver } = running(computation);
      if (receiver === undefined) {
        throw new RequestError("ERR_REQUEST_UNREACHABLE", `computation ${computation}: its dossier has not come yet`);
      }
      try {
        await refusing(() => receiver.feed({ kind: "message", from, message }));
      } catch (error) {
        if (error instanceof ComputationError) {
          await ctx.stores.transcripts.delete(computation);
          await recordFault(ctx, computation, { member: from, reason: `refused-${message.type}` });
        }
        throw error;
      }
    },
  });
}

function isPassing(error: unknown): boolean {
  if (error instanceof PeerError) return (error.answer?.status ?? 503) >= 500;
  if (error instanceof LedgerError) return error.code !== "ERR_LEDGER_REJECTED" && error.code !== "ERR_LEDGER_CLOSED";
  if (error instanceof ComputationError) return error.code === "ERR_COMPUTATION_EVIDENCE";
  return error instanceof RequestError && error.code === "ERR_REQUEST_UNREACHABLE";
}
