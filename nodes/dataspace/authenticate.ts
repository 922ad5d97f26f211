/** Participants as members of the ledger: a good token, for this node and this call, that was not shown before. */
import { PeerError } from "../peer/peer-error.ts";
import { createReplayCache } from "../peer/replay-cache.ts";
import type { RecordStore } from "../store/records.ts";
import { readParticipantToken, type TokenCall, type TokenCheck } from "./participant-token.ts";

/** Who calls, and the digest of the body that the token was made for. Undefined: nobody. */
export function createAuthenticate(
  deps: TokenCheck & {
    /** See createReplayCache. */
    readonly ahead: RecordStore<string>;
  },
): (
  call: TokenCall & { readonly authorization: string | undefined },
) => Promise<{ readonly id: string; readonly digest: string } | undefined> {
  const replay = createReplayCache(deps);
  return async ({ authorization, ...call }) => {
    const facts = await readParticipantToken(authorization, call, deps);
    if (facts === undefined) return undefined;
    try {
      await replay.admit({ from: facts.member, nonce: facts.nonce, time: facts.time });
    } catch (error) {
      if (error instanceof PeerError) return undefined;
      throw error;
    }
    return { id: facts.member, digest: facts.digest };
  };
}
