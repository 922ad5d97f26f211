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
  /** Once the result is kept, or nothing is decoded any more: nobody reads words again. */
  settled(): Promise<void>;
  /** Its sum cannot be redone: it is forgotten. */
  dropped(): Promise<void>;
}

const hasWords = ({ result }: Transcript): boolean => result.contributions.some(({ words }) => words !== undefined);

/** What was signed, with the words by the hashes of their chunks: its digest is the same. */
export function withoutWords(transcript: Transcript): Transcript {
  const contributions = transcript.result.contributions.map(({ words: _first, ...rest }) => rest);
  return { ...transcript, result: { ...transcript.result, contributions } };
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
  let kept = await store.get(computation);
  let current = kept === undefined ? undefined : digestOf(kept);
  let isDecoded = (await results.get(computation))?.transcriptDigest !== undefined;
  const offered = new Map<string, Transcript>(kept === undefined || isDecoded ? [] : [[digestOf(kept), kept]]);
  const keep = (digest: string, transcript: Transcript): Promise<void> => {
    current = digest;
    kept = transcript;
    return inOrder("store", () => store.put(computation, transcript));
  };
  const settle = async (): Promise<void> => {
    if (current !== undefined && kept !== undefined && hasWords(kept)) await keep(current, withoutWords(kept));
  };
  // Killed after the result was kept and before its words were gone.
  if (isDecoded) await settle();
  const forget = (): Promise<void> => {
    current = undefined;
    kept = undefined;
    return inOrder("store", () => store.delete(computation));
  };

  return Object.freeze({
    take: (transcript: Transcript, feed: () => Promise<void>) =>
      oneAtATime("take", async () => {
        const digest = digestOf(transcript);
        if (!isDecoded && !offered.has(digest)) offered.set(digest, transcript);
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
        if (!isDecoded && current !== digest) await keep(digest, offered.get(digest) ?? transcript);
      }),
    async decoded(digest: string) {
      isDecoded = true;
      const transcript = offered.get(digest);
      offered.clear();
      if (transcript !== undefined && current !== digest) await keep(digest, transcript);
    },
    settled: settle,
    async dropped() {
      offered.clear();
      if (!isDecoded) await forget();
    },
  });
}
