/**
 * The provider's sending of what consumers asked to be sent: tried again while a destination does not answer, until it
 * has taken nothing for a day. When that began lies on disk, so no restart makes it longer.
 */
import { isDeepStrictEqual } from "node:util";
import { type Cause, causeOf } from "../../exchange/protocol/vocabulary.ts";
import { uuidOf } from "../../exchange/requests/record.ts";
import { type HttpAddress, httpAddressOf } from "../../exchange/transfers/data-address.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import { createKeyedQueue, type Pauses } from "../computations/keyed-queue.ts";
import type { RecordStore } from "../store/records.ts";
import type { Deliveries } from "./deliveries.ts";
import type { Outbound } from "./outbound.ts";
import { push } from "./push-sender.ts";
import { TransferError } from "./transfer-error.ts";

export const PUSH_GIVE_UP_MS = 24 * 60 * 60_000;
/** Progress is written down at most so often. */
const NOTED_MS = 60_000;

/** While a destination is being tried. */
export interface PushRecord {
  /** When it took something last, or was tried first; UTC with Z. */
  readonly since: string;
  /** When the consumer suspended it, UTC with Z: until it goes on no time passes for it. */
  readonly pausedAt?: string;
  /** Why the latest try came to nothing; absent once something has arrived. */
  readonly failed?: { readonly code: string; readonly detail: string };
}

export interface PushesDeps {
  readonly records: RecordStore<PushRecord>;
  /** Pushes that have arrived, by pid. */
  readonly pushed: RecordStore<true>;
  /** What is to be sent now; undefined for a transfer that does not run, or is held. */
  readonly running: (pid: string) => Promise<{ readonly peer: string; readonly document: Transfer } | undefined>;
  /** This side holds it itself. */
  readonly isHeld: (pid: string) => Promise<boolean>;
  /** An address whose token has time, where the consumer's own is asked for the next one. */
  readonly fresh: (peer: string, pid: string, address: HttpAddress, signal: AbortSignal) => Promise<HttpAddress>;
  readonly outbound: Pick<Outbound, "to">;
  readonly deliver: Deliveries;
  readonly now: () => string;
  readonly onPushed: (pid: string) => void;
  readonly end: (pid: string, cause: Cause) => Promise<void>;
  readonly onError: (pid: string, error: unknown) => void;
  /** Between tries; default: half a second to half a minute. */
  readonly pauses?: Pauses;
}

/** What another try cannot mend. */
const FINAL: readonly TransferError["code"][] = ["ERR_TRANSFER_USES", "ERR_TRANSFER_TOO_LARGE"];
const FINAL_REASONS: readonly string[] = [
  "records-not-readable",
  "destination-private",
  "destination-not-https",
  "destination-malformed",
];

export function createPushes(deps: PushesDeps) {
  const { records, pushed } = deps;
  const stopping = new AbortController();
  const { onError, pauses } = deps;
  const queue = createKeyedQueue({ run: sendTo, isPassing: () => true, onError, keepsPause: true, pauses });

  /** What this side holds begins anew; a consumer's pauses neither use its day up nor give it another one. */
  async function paused(pid: string): Promise<void> {
    const kept = await records.get(pid);
    if (kept === undefined) return;
    if (await deps.isHeld(pid)) await records.delete(pid);
    else if (kept.pausedAt === undefined) await records.put(pid, { ...kept, pausedAt: deps.now() });
  }
  function resumed({ pausedAt, ...kept }: PushRecord): PushRecord {
    if (pausedAt === undefined) return kept;
    const passed = Date.parse(deps.now()) - Date.parse(pausedAt);
    return { ...kept, since: new Date(Date.parse(kept.since) + passed).toISOString() };
  }

  async function sendTo(pid: string): Promise<void> {
    const found = await deps.running(pid);
    if (found === undefined) return await paused(pid);
    if ((await pushed.get(pid)) === true) return deps.onPushed(pid);
    const { peer, document } = found;
    const given = httpAddressOf(document.destination);
    if (given === undefined || (given.refresh !== undefined && !URL.canParse(given.refresh))) {
      return await deps.end(pid, causeOf("destination-malformed"));
    }
    let kept = resumed((await records.get(pid)) ?? { since: deps.now() });
    const note = async (now: PushRecord) => {
      kept = now;
      await records.put(pid, now);
    };
    const onProgress = async () => {
      const isRecent = Date.parse(deps.now()) - Date.parse(kept.since) < NOTED_MS;
      if (!isRecent || kept.failed !== undefined) await note({ since: deps.now() });
    };
    if (!isDeepStrictEqual(await records.get(pid), kept)) await note(kept);
    let isOpened = true;
    try {
      await push({
        dispatcher: (url) => deps.outbound.to(peer, url),
        address: await deps.fresh(peer, pid, given, stopping.signal),
        async open(held) {
          isOpened = false;
          const delivery = await deps.deliver({
            transfer: pid,
            holder: peer,
            held,
            range: undefined,
            ifRange: undefined,
            ifMatch: undefined,
            delivery: uuidOf({ push: pid, agreement: document.agreementId }),
          });
          isOpened = true;
          return delivery;
        },
        signal: stopping.signal,
        onProgress,
      });
    } catch (error) {
      if (stopping.signal.aborted || (await deps.running(pid)) === undefined) throw error;
      const failed = failureOf(error, isOpened);
      const isOverdue = Date.parse(deps.now()) - Date.parse(kept.since) > PUSH_GIVE_UP_MS;
      if (failed.isFinal) return await deps.end(pid, causeOf(failed.code, failed.detail));
      if (isOverdue) {
        return await deps.end(pid, causeOf(isOpened ? "destination-unreachable" : lasting(failed.code), failed.word));
      }
      await note({ since: kept.since, failed: { code: failed.code, detail: failed.detail } });
      throw error;
    }
    await pushed.put(pid, true);
    await records.delete(pid);
    deps.onPushed(pid);
  }

  return Object.freeze({
    poke: (pid: string) => queue.poke(pid),
    async stop() {
      stopping.abort();
      await queue.stop();
    },
  });
}

/** After a day of it. */
const lasting = (code: string): string => (code === "records-not-readable-now" ? "records-not-readable" : code);

/** `isOpened`: the records could be had, and what failed is their way. */
function failureOf(thrown: unknown, isOpened: boolean) {
  // A connection that is refused carries the reason inside.
  const error = thrown instanceof Error && thrown.cause instanceof TransferError ? thrown.cause : thrown;
  if (error instanceof TransferError) {
    const isFinal = FINAL.includes(error.code) || FINAL_REASONS.includes(error.reason);
    return { isFinal, code: error.reason, detail: error.message, word: error.reason };
  }
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown };
  const word = String(code ?? name);
  return {
    isFinal: false,
    code: isOpened ? "destination-not-reached" : "records-not-readable-now",
    detail: word,
    word,
  };
}
