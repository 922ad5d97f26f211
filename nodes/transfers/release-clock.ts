/**
 * What the ledger and the time do to releases: transfers that a record or the end of their agreement may end are woken,
 * files that nobody is sent any more are erased, and wishes for records that came to nothing are forgotten. Nothing
 * ticks: each alarm is set to the next instant at which something is due, and that follows from what lies on disk.
 */
import type { TransferMessage } from "../../exchange/transfers/messages.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import type { LedgerEntry } from "../../ledger/port.ts";
import { createKeyedQueue } from "../computations/keyed-queue.ts";
import type { ProcessRecord } from "../dataspace/process-record.ts";
import { createTimers } from "../dataspace/timers.ts";
import { followLedger, type LedgerFollower } from "../runtime/follow-ledger.ts";
import type { NodeServices } from "../runtime/services.ts";
import { type OpenReleases, type Subject, subjectOf } from "./open-releases.ts";
import type { Snapshots } from "./snapshots.ts";
import type { Wanted } from "./wanted.ts";

const WANTED = "wanted";
/** A consumer leaves it so long to its provider to end what has run out. */
export const PROVIDER_ENDS_MS = 60 * 60_000;
/** After a look at what is wanted that failed. */
const PAUSE_MS = 60_000;

export interface ReleaseClockDeps extends Pick<NodeServices, "member" | "ledger" | "now" | "log"> {
  readonly assets: Pick<NodeServices["assets"], "watch">;
  readonly releases: OpenReleases;
  readonly snapshots: Pick<Snapshots, "ids" | "erase">;
  readonly poke: (pid: string) => void;
  /** Offers that wait for the steward may have to end. */
  readonly wakeApprovals: () => void;
  readonly wanted: {
    readonly list: () => AsyncIterable<readonly [string, Pick<Wanted, "at">]>;
    readonly forgetEnded: (keptMs: number) => Promise<void>;
  };
  readonly keptMs: () => number;
}

export function createReleaseClock(deps: ReleaseClockDeps) {
  const { releases, snapshots, ledger, member, log } = deps;
  const ends = createTimers(deps.now);
  const retention = createTimers(deps.now);
  const erasing = createKeyedQueue({
    async run(agreement) {
      if (!releases.agreements().has(agreement)) await snapshots.erase(agreement);
    },
    isPassing: () => true,
    onError: (agreement, error) => log.warn({ err: error, agreement }, "released records not erased; trying again"),
  });
  let follower: LedgerFollower | undefined;
  let unwatch: (() => void) | undefined;
  let isAlarmed = false;
  /** Every transfer of earlier runs is known. */
  let isFollowing = false;

  function wake(subject: Subject): void {
    for (const pid of releases.concernedBy(subject)) deps.poke(pid);
    if (subject.kind === "member" || subject.id.startsWith(`${member}:`)) deps.wakeApprovals();
  }
  async function take({ transaction }: LedgerEntry): Promise<void> {
    const subject = subjectOf(transaction);
    if (subject !== undefined) wake(subject);
  }

  /** One timer of the platform may be too short for the life of an agreement. */
  function endAt(pid: string, due: string): void {
    ends.at(pid, due, () => (ends.isAhead(due) ? endAt(pid, due) : deps.poke(pid)));
  }

  async function forgetWanted(): Promise<void> {
    const keptMs = deps.keptMs();
    const now = Date.parse(deps.now());
    await deps.wanted.forgetEnded(keptMs);
    let next = Number.POSITIVE_INFINITY;
    // What is older and still there stays as long again.
    for await (const [, { at }] of deps.wanted.list()) {
      const periods = Math.floor((now - Date.parse(at)) / keptMs) + 1;
      next = Math.min(next, Date.parse(at) + periods * keptMs);
    }
    isAlarmed = next !== Number.POSITIVE_INFINITY;
    if (isAlarmed) alarmAt(next);
  }
  function alarmAt(due: number): void {
    isAlarmed = true;
    retention.at(WANTED, new Date(due).toISOString(), () => {
      forgetWanted().catch((error: unknown) => {
        log.warn({ err: error }, "transfers: what came to nothing is not forgotten yet; trying again");
        alarmAt(Date.parse(deps.now()) + PAUSE_MS);
      });
    });
  }

  return Object.freeze({
    async moved(kept: ProcessRecord<Transfer, TransferMessage>): Promise<void> {
      const before = releases.get(kept.pid);
      const outcome = await releases.moved(kept);
      const { agreement, validUntil, role } = releases.get(kept.pid) ?? before ?? {};
      if (outcome === "over") ends.clear(kept.pid);
      // The last instant is still one of use.
      else if (outcome === "open" && validUntil !== undefined) {
        const waitMs = role === "consumer" ? PROVIDER_ENDS_MS : 0;
        endAt(kept.pid, new Date(Date.parse(validUntil) + waitMs + 1).toISOString());
      }
      if (outcome === "over" && agreement !== undefined) erasing.poke(agreement);
    },
    /** A delivery under this agreement is over. */
    delivered(agreement: string): void {
      if (isFollowing && !releases.agreements().has(agreement)) erasing.poke(agreement);
    },
    /** Records were asked for. */
    begun(): void {
      if (!isAlarmed) alarmAt(Date.parse(deps.now()) + deps.keptMs());
    },
    /** After the transfers of earlier runs have said that they are there. */
    async start(): Promise<void> {
      // What comes from here on is heard of; what came before is looked at now.
      const from = (await ledger.status()).height;
      // An asset changes here after the ledger has it.
      unwatch = deps.assets.watch((id) => wake({ kind: "asset", id }));
      await releases.settled();
      isFollowing = true;
      for (const agreement of await snapshots.ids()) erasing.poke(agreement);
      await forgetWanted();
      for (const pid of releases.pids()) deps.poke(pid);
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
      ends.stop();
      retention.stop();
      await Promise.all([follower?.stop(), erasing.stop()]);
    },
  });
}
