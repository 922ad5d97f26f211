/**
 * Nonces seen within the window in which a request is timely. Bounded per member and in all; a full cache refuses
 * instead of forgetting. The cache lives in memory: after a start, what was signed before it is refused. Only a request
 * dated ahead of this node's clock could be shown again to the next process, so those few are kept in the store too.
 */
import type { RecordStore } from "../store/records.ts";
import { PeerError } from "./peer-error.ts";
import { MAX_CLOCK_SKEW_MS, type PeerClaims } from "./request-signature.ts";

const MAX_NONCES = 1_000_000;
const MAX_NONCES_PER_MEMBER = 100_000;

type Seen = Pick<PeerClaims, "from" | "nonce" | "time">;

export interface ReplayCache {
  /** Rejects with PeerError when the nonce was seen, the request is older than this process, or the cache is full. */
  admit(claims: Seen): Promise<void>;
}

export function createReplayCache(options: {
  readonly now: () => string;
  /** Requests dated ahead: `<member>/<nonce>` to their time. */
  readonly ahead: RecordStore<string>;
  readonly maxNonces?: number;
  readonly maxNoncesPerMember?: number;
}): ReplayCache {
  const { ahead, maxNonces = MAX_NONCES, maxNoncesPerMember = MAX_NONCES_PER_MEMBER } = options;
  const clock = () => Date.parse(options.now());
  const startedAt = clock();
  // Two generations: a nonce stays for one to two windows, and dropping the old one costs nothing.
  const windowMs = 2 * MAX_CLOCK_SKEW_MS;
  let current = createGeneration();
  let previous = createGeneration();
  let turnedAt = startedAt;
  let restored: Promise<void> | undefined;

  async function restore(): Promise<void> {
    for await (const [key, time] of ahead.entries()) {
      const [from = "", nonce = ""] = key.split("/");
      if (Date.parse(time) < startedAt) await ahead.delete(key);
      else current.add(from, nonce);
    }
  }

  async function sweep(): Promise<void> {
    const past = clock();
    for await (const [key, time] of ahead.entries()) if (Date.parse(time) < past) await ahead.delete(key);
  }

  function turn(now: number): void {
    if (now - turnedAt < windowMs) return;
    previous = now - turnedAt >= 2 * windowMs ? createGeneration() : current;
    current = createGeneration();
    turnedAt = now;
    // What it leaves is refused as older than the next process; a failure only leaves more.
    void sweep().catch(() => undefined);
  }

  return Object.freeze({
    async admit({ from, nonce, time }: Seen) {
      restored ??= restore();
      await restored;
      const now = clock();
      turn(now);
      if (Date.parse(time) < startedAt) {
        throw new PeerError("ERR_PEER_REPLAY", `request time ${time} lies before this node's start; sign it again`);
      }
      const fresh = current.noncesOf(from);
      const older = previous.noncesOf(from);
      if (fresh.has(nonce) || older.has(nonce)) {
        throw new PeerError("ERR_PEER_REPLAY", `nonce ${nonce} of ${from} was used before; sign every attempt anew`);
      }
      if (current.size() + previous.size() >= maxNonces || fresh.size + older.size >= maxNoncesPerMember) {
        throw new PeerError("ERR_PEER_BUSY", "too many requests within the replay window; try again in a few minutes");
      }
      current.add(from, nonce);
      if (Date.parse(time) > now) await ahead.put(`${from}/${nonce}`, time);
    },
  });
}

const NONE: ReadonlySet<string> = new Set();

function createGeneration() {
  const byMember = new Map<string, Set<string>>();
  let size = 0;
  return {
    size: () => size,
    noncesOf: (member: string): ReadonlySet<string> => byMember.get(member) ?? NONE,
    add(member: string, nonce: string) {
      const nonces = byMember.get(member) ?? new Set();
      byMember.set(member, nonces.add(nonce));
      size += 1;
    },
  };
}
