/**
 * What C brings to R: the one that R goes by is the one that is kept, because evidence is assembled from it. C may bring a
 * false one first, and another one later.
 */
import { transcriptDigest } from "../../crypto/secagg/receiver.ts";
import type { RecordStore } from "../../exchange/requests/ports.ts";
import type { Context, Transcript } from "./context.ts";
import { createKeyedLock } from "./keyed-lock.ts";

export interface OfferedTranscripts {
  /** Kept when it resolves, if the role took it and has not decoded another. Throws what `feed` throws. */
  take(transcript: Transcript, feed: () => Promise<void>): Promise<void>;
  /** The one whose sum was read: no other is kept any more. Await it before the result is kept. */
  decoded(digest: string): Promise<void>;
  /** Its sum cannot be redone: it is forgotten. */
  dropped(): Promise<void>;
}

export async function openOffered(
  store: RecordStore<Transcript>,
  computation: string,
  results: Pick<Context["stores"]["results"], "get">,
): Promise<OfferedTranscripts> {
  const digestOf = ({ result }: Transcript): string => transcriptDigest(result);
  const oneAtATime = createKeyedLock();
  /** Apart from the taking, which waits for the role, which waits for these. */
  const inOrder = createKeyedLock();
  const kept = await store.get(computation);
  let current = kept === undefined ? undefined : digestOf(kept);
  let isDecoded = (await results.get(computation))?.transcriptDigest !== undefined;
  const offered = new Map<string, Transcript>(kept === undefined ? [] : [[digestOf(kept), kept]]);

  const keep = (digest: string, transcript: Transcript): Promise<void> => {
    current = digest;
    return inOrder("store", () => store.put(computation, transcript));
  };
  const forget = (): Promise<void> => {
    current = undefined;
    return inOrder("store", () => store.delete(computation));
  };

  return Object.freeze({
    take: (transcript: Transcript, feed: () => Promise<void>) =>
      oneAtATime("take", async () => {
        const digest = digestOf(transcript);
        if (!offered.has(digest)) offered.set(digest, transcript);
        // The first one is kept before the role takes it: it may be decoded at once, and C need not bring it again.
        const isFirst = current === undefined && !isDecoded;
        if (isFirst) await keep(digest, transcript);
        try {
          await feed();
        } catch (error) {
          if (isFirst && current === digest && !isDecoded) await forget();
          if (current !== digest) offered.delete(digest);
          throw error;
        }
        if (!isDecoded && current !== digest) await keep(digest, offered.get(digest)!);
      }),
    async decoded(digest: string) {
      isDecoded = true;
      const transcript = offered.get(digest);
      if (transcript !== undefined) await keep(digest, transcript);
      offered.clear();
    },
    async dropped() {
      offered.clear();
      if (!isDecoded) await forget();
    },
  });
}
