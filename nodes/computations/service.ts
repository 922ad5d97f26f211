/** The exchange part of a running node: follows the ledger, moves requests, runs this node's roles in computations. */
import type { LedgerEntry } from "../../ledger/port.ts";
import { followLedger, type LedgerFollower } from "../runtime/follow-ledger.ts";
import type { Context } from "./context.ts";
import { endingPeers } from "./ending-peers.ts";
import { eraseLeftoverChunks, eraseLeftovers } from "./leftovers.ts";
import { createNegotiating, type Negotiating } from "./negotiating.ts";
import { createRequestDriver, type RequestDriver } from "./request-driver.ts";
import { createRoleHost, type RoleHost } from "./role-host.ts";

export interface ExchangeService {
  readonly negotiating: Negotiating;
  readonly requests: Pick<RequestDriver, "poke" | "open">;
  readonly roles: Pick<
    RoleHost,
    "startRoles" | "mailbox" | "deliver" | "deliverChunk" | "deliverTranscript" | "sumOf" | "running"
  >;
  start(): Promise<void>;
  /** Reading the ledger fails, and is tried again. */
  isBehind(): boolean;
  stop(): Promise<void>;
}

const SWEEP_MS = 60 * 60_000;
const CURSOR = "position";
const CURSOR_EVERY = 64;

export function createExchangeService(ctx: Context): ExchangeService {
  const negotiating = createNegotiating(ctx, (request) => requests.poke(request));
  const { ledger, log } = ctx.services;
  const peers = endingPeers(ctx.services.peers, ctx.closing.signal);
  const requests = createRequestDriver({ ...ctx, services: { ...ctx.services, peers } }, negotiating);
  const roles = createRoleHost(ctx);
  let follower: LedgerFollower | undefined;
  let sweeping: NodeJS.Timeout | undefined;

  let sinceCursor = 0;
  async function take(entry: LedgerEntry): Promise<void> {
    const request = await requests.take(entry);
    await roles.take(entry);
    if (request !== undefined) requests.poke(request);
    sinceCursor += 1;
    if (sinceCursor < CURSOR_EVERY) return;
    await requests.stored();
    await ctx.stores.cursor.put(CURSOR, entry.position + 1);
    sinceCursor = 0;
  }

  /** What others sent and nobody opened is erased, now and every hour, and what a crash has left of ended roles. */
  function sweep(): void {
    ctx.unopened.sweep().catch((error: unknown) => log.warn({ err: error }, "unopened documents could not be erased"));
    eraseLeftovers(ctx).catch((error: unknown) => log.error({ err: error }, "in-flight files could not be erased"));
    eraseLeftoverChunks(ctx).catch((error: unknown) => log.error({ err: error }, "chunks could not be erased"));
    sweeping = setTimeout(sweep, SWEEP_MS).unref();
  }

  return Object.freeze({
    negotiating,
    requests,
    roles,
    async start() {
      await roles.resume();
      await negotiating.start();
      await requests.pokeAll();
      sweep();
      follower = followLedger({
        ledger,
        from: (await ctx.stores.cursor.get(CURSOR)) ?? 0,
        take,
        onError: (error, position) => log.error({ err: error, position }, "the ledger is not followed; trying again"),
      });
    },
    isBehind: () => follower?.isFailing() === true,
    async stop() {
      const followed = follower?.stop();
      clearTimeout(sweeping);
      const stopped = [negotiating.stop(), requests.stop(), roles.stop()];
      // After they know that they stop: what fails for that is no failure to them.
      ctx.closing.abort();
      await Promise.all(stopped);
      await ctx.encryptor[Symbol.asyncDispose]();
      await ctx.judging[Symbol.asyncDispose]();
      await followed;
    },
  });
}
