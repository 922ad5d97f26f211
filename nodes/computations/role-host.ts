/**
 * Runs this node's roles in computations: starts them when their opening and documents are there, feeds them the
 * ledger's records and the members' messages, and forgets them when they are over.
 */
import { readComputation, readComputationStep } from "../../chaincode/rules/keys.ts";
import type { ComputationOpened } from "../../chaincode/rules/records.ts";
import type { LedgerRecord } from "../../crypto/secagg/opened.ts";
import type { CommonInput, MemberInput } from "../../crypto/secagg/step.ts";
import { ComputationError } from "../../exchange/computations/errors.ts";
import { computationOf, ledgerRecordOf } from "../../exchange/computations/ledger-record.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import type { LedgerEntry } from "../../ledger/port.ts";
import type { Context, RoleName } from "./context.ts";
import { type CoordinatorRole, runCoordinator } from "./coordinator-role.ts";
import { createDeliveries, type Deliveries } from "./deliveries.ts";
import type { HostedRole } from "./hosted-role.ts";
import { createKeyedBell } from "./keyed-bell.ts";
import { createKeyedLock } from "./keyed-lock.ts";
import { eraseLeftovers, OVER } from "./leftovers.ts";
import type { Mailbox } from "./mailbox.ts";
import { runMember } from "./member-role.ts";
import { type ReceiverRole, runReceiver } from "./receiver-role.ts";
import { failExpired, resumeOpening } from "./requester.ts";
import { endOf, runsStoppedBy } from "./stopped-runs.ts";

export interface RoleHost extends Deliveries {
  /** Takes one ledger record in. */
  take(entry: LedgerEntry): Promise<void>;
  /** Goes on with what ran when the node last stopped. */
  resume(): Promise<void>;
  /** Starts the roles whose opening and documents are there by now. */
  startRoles(computation: string): Promise<void>;
  /** Resolves when the coordinator of the computation runs here, or with undefined after `waitMs`. */
  mailbox(computation: string, waitMs: number): Promise<Mailbox | undefined>;
  /** C: a chunk of the sum of phase 2 under a homomorphic envelope, once its set is closed. */
  sumOf(computation: string, index: number): Promise<Uint8Array>;
  /** How many computations have roles here. */
  running(): number;
  stop(): Promise<void>;
}

interface Roles {
  member?: HostedRole<MemberInput>;
  coordinator?: CoordinatorRole;
  receiver?: ReceiverRole;
}

type AnyRole = Pick<HostedRole<CommonInput>, "signal" | "poke" | "stop">;

/** Members that have not fetched the last messages still may. */
const LAST_WORDS_MS = 2_000;
const ENDS: readonly string[] = ["release", "withhold", "fail"];
const ENDINGS: readonly string[] = ["result.release", "result.withhold", "computation.fail"];

const rolesIn = ({ member, coordinator, receiver }: Roles): readonly AnyRole[] =>
  [member, coordinator, receiver].filter((role) => role !== undefined) as readonly AnyRole[];

export function createRoleHost(ctx: Context): RoleHost {
  const { ledger, log, member: self } = ctx.services;
  const active = new Map<string, Roles>();
  const oneAtATime = createKeyedLock();
  const starting = new Set<Promise<void>>();
  const coordinating = createKeyedBell();
  const alarms = new Map<string, () => void>();
  let stopped = false;

  // ---- the ledger

  async function take(entry: LedgerEntry): Promise<void> {
    await takeRecord(entry);
    await takeRevocation(entry);
  }

  async function takeRecord(entry: LedgerEntry): Promise<void> {
    const id = computationOf(entry);
    if (id === undefined) return;
    if (entry.transaction.statement.type === "computation.open") return await startRoles(id);
    const roles = active.get(id);
    if (roles !== undefined) {
      const isMaskset = entry.transaction.statement.type === "computation.maskset";
      const record = ledgerRecordOf(entry, isMaskset ? await bitmapOf(id) : undefined);
      if (record !== undefined) feed(roles, record, id);
    }
    if (ENDINGS.includes(entry.transaction.statement.type)) await settle(id);
  }

  const bitmapOf = async (id: string) => (await readComputationStep(ledger, id, "maskset"))?.bitmap;

  async function takeRevocation(entry: LedgerEntry): Promise<void> {
    const { type, body } = entry.transaction.statement;
    if (type === "agreement.revoke" && entry.transaction.signer === self) {
      const { agreement } = body as { agreement: string };
      for (const [id, { member }] of active) {
        const opened = member === undefined ? undefined : await ctx.facts.opened(id);
        if (opened?.body.cohort.some((one) => one.agreement === agreement)) member?.poke({ kind: "revoked" });
      }
    }
    for (const { computation, record } of await runsStoppedBy(ledger, entry)) {
      const roles = active.get(computation);
      if (roles !== undefined) feed(roles, record, computation);
      await settle(computation);
    }
  }

  function feed(roles: Roles, record: LedgerRecord, id: string): void {
    for (const role of rolesIn(roles)) role.poke({ kind: "ledger", record });
    const { coordinator } = roles;
    if (!ENDS.includes(record.record) || coordinator === undefined || coordinator.signal.aborted) return;
    at(ctx.clock() + LAST_WORDS_MS, `${id}/last-words`, () => coordinator.background(() => coordinator.finish()));
  }

  /** The computation has ended. Of a receiver whose documents never came, the key is still there. */
  async function settle(id: string): Promise<void> {
    callOff(`${id}/deadline`);
    const isReceiver = (await ctx.facts.opened(id))?.body.receiver === self;
    if (isReceiver && active.get(id)?.receiver === undefined) await eraseLeftovers(ctx, id);
  }

  // ---- roles

  function startRoles(id: string): Promise<void> {
    const started = oneAtATime(id, () => startMissing(id)).catch((error: unknown) => {
      log.error({ err: error, computation: id }, "role could not start");
    });
    starting.add(started);
    return started.finally(() => starting.delete(started));
  }

  async function startMissing(id: string): Promise<void> {
    const opened = await ctx.facts.opened(id);
    const state = await readComputation(ledger, id);
    if (opened === undefined || state === undefined || stopped) return;
    const { body } = opened;
    const over = OVER.includes(state.state);
    if (opened.requester === self && !over) watchDeadline(opened);
    const roles = active.get(id) ?? {};
    const isDue = async (name: RoleName, isMine: boolean) =>
      isMine && roles[name] === undefined && (await isToRun(id, name, over));
    const isMember = body.cohort.some(({ member }) => member === self);
    const member = (await isDue("member", isMember)) ? await runMember(ctx, opened) : undefined;
    const coordinator = (await isDue("coordinator", body.coordinator === self))
      ? await runCoordinator(ctx, opened)
      : undefined;
    const receiver = (await isDue("receiver", body.receiver === self)) ? await runReceiver(ctx, opened) : undefined;
    const fresh: Roles = {
      ...(member === undefined ? {} : { member }),
      ...(coordinator === undefined ? {} : { coordinator }),
      ...(receiver === undefined ? {} : { receiver }),
    };
    if (rolesIn(fresh).length === 0) return;
    active.set(id, Object.assign(roles, fresh));
    for (const role of rolesIn(fresh)) role.signal.addEventListener("abort", () => forgetEnded(id), { once: true });
    forgetEnded(id);
    if (coordinator !== undefined) coordinating.ring(id);
    await replay(opened, rolesIn(fresh));
    if (over && coordinator !== undefined) coordinator.background(() => coordinator.finish());
  }

  /** A role that is over stays over; one that never began is not begun for a computation that has ended. */
  async function isToRun(id: string, name: RoleName, over: boolean): Promise<boolean> {
    const known = await ctx.stores.roles.get(`${id}/${name}`);
    return known === undefined ? !over : known.state === "running";
  }

  function forgetEnded(id: string): void {
    const roles = active.get(id);
    if (roles !== undefined && rolesIn(roles).every(({ signal }) => signal.aborted)) active.delete(id);
  }

  /** Records that are on the ledger already; every one may be fed again. */
  async function replay(opened: ComputationOpened, roles: readonly AnyRole[]): Promise<void> {
    const id = opened.body.computation;
    const bitmap = await bitmapOf(id);
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
    at(Date.parse(body.deadlines.release) + 1_000, `${body.computation}/deadline`, () => {
      failExpired(ctx, body.computation).catch((error: unknown) =>
        log.warn({ err: error, computation: body.computation }, "expired computation could not be ended"),
      );
    });
  }

  /** The latest alarm of a name holds. */
  function at(time: number, name: string, work: () => void): void {
    callOff(name);
    const alarm = ctx.services.alarm(time, () => {
      alarms.delete(name);
      work();
    });
    alarms.set(name, alarm);
  }

  function callOff(name: string): void {
    alarms.get(name)?.();
    alarms.delete(name);
  }

  // ---- messages

  /** A role that is still to start, after a restart or before its documents, is worth another try. */
  async function rolesFor(id: string): Promise<Roles> {
    const roles = active.get(id);
    if (roles?.coordinator !== undefined || roles?.receiver !== undefined) return roles;
    const [opened, state] = await Promise.all([ctx.facts.opened(id), readComputation(ledger, id)]);
    const isOurs = opened?.body.coordinator === self || opened?.body.receiver === self;
    if (isOurs && state !== undefined && !OVER.includes(state.state)) {
      throw new RequestError("ERR_REQUEST_UNREACHABLE", `computation ${id}: about to start here; try again`);
    }
    if (roles !== undefined) return roles;
    throw new ComputationError("ERR_COMPUTATION_UNKNOWN", `computation ${id}: not running here`);
  }

  const mailboxOf = (id: string) => active.get(id)?.coordinator?.mailbox;

  async function mailbox(id: string, waitMs: number): Promise<Mailbox | undefined> {
    if (mailboxOf(id) === undefined) await coordinating.wait(id, waitMs);
    return mailboxOf(id);
  }

  return Object.freeze({
    take,
    async resume() {
      for await (const [, role] of ctx.stores.roles.entries()) {
        if (role.state === "running") await startRoles(role.computation);
      }
      for await (const [computation] of ctx.stores.openings.entries()) {
        const state = await readComputation(ledger, computation);
        if (state === undefined || OVER.includes(state.state)) continue;
        const opened = await ctx.facts.opened(computation);
        if (opened !== undefined) watchDeadline(opened);
        resumeOpening(ctx, computation).catch((error: unknown) =>
          log.warn({ err: error }, "documents not handed over"),
        );
      }
    },
    startRoles,
    mailbox,
    ...createDeliveries(ctx, { rolesFor, startRoles }),
    async sumOf(id: string, index: number) {
      const { coordinator } = await rolesFor(id);
      if (coordinator !== undefined) return await coordinator.sumOf(index);
      throw new ComputationError("ERR_COMPUTATION_UNKNOWN", `computation ${id}: this node has no such role`);
    },
    running: () => active.size,
    async stop() {
      stopped = true;
      for (const name of [...alarms.keys()]) callOff(name);
      coordinating.close();
      await Promise.all(starting);
      await Promise.all([...active.values()].flatMap(rolesIn).map((role) => role.stop()));
    },
  });
}
