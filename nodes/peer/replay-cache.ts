/**
 * Nonces seen within the window in which a request is timely. Bounded per member and in all; a full cache refuses
 * instead of forgetting. Requests signed before this process started are refused, because the cache starts empty.
 */
import { PeerError } from "./peer-error.ts";
import { MAX_CLOCK_SKEW_MS, type PeerClaims } from "./request-signature.ts";

const MAX_NONCES = 1_000_000;
const MAX_NONCES_PER_MEMBER = 100_000;

export interface ReplayCache {
  /** Throws PeerError when the nonce was seen, the request is older than this process, or the cache is full. */
  admit(claims: Pick<PeerClaims, "from" | "nonce" | "time">): void;
}

export function createReplayCache(options: {
  now: () => string;
  maxNonces?: number;
  maxNoncesPerMember?: number;
}): ReplayCache {
  const { maxNonces = MAX_NONCES, maxNoncesPerMember = MAX_NONCES_PER_MEMBER } = options;
  const startedAt = Date.parse(options.now());
  // Two generations: a nonce stays for one to two windows, and dropping the old one costs nothing.
  const windowMs = 2 * MAX_CLOCK_SKEW_MS;
  let current = createGeneration();
  let previous = createGeneration();
  let turnedAt = startedAt;

  return Object.freeze({
    admit({ from, nonce, time }: Pick<PeerClaims, "from" | "nonce" | "time">) {
      const now = Date.parse(options.now());
      if (now - turnedAt >= windowMs) {
        previous = now - turnedAt >= 2 * windowMs ? createGeneration() : current;
        current = createGeneration();
        turnedAt = now;
      }
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
