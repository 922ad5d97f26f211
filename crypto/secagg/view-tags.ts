/**
 * What a holder tells each other holder beside its signed view: an HMAC-SHA-256 under a key that only the two of them have
 * (the authenticators of Castro and Liskov, OSDI 1999, section 4). For the one who counts a view it says as much as the signature, in a
 * fiftieth of the time (docs/decisions/109). The key follows from the sealing keys, of which no shares exist.
 */

import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";
import { canonicalJson } from "../suites/digest.ts";
import { fromBase64url, toBase64url, utf8 } from "../suites/encoding.ts";
import type { SuiteId } from "../suites/suite.ts";
import { VIEW_TAG_BYTES } from "./constants.ts";
import type { KeyUse } from "./context.ts";
import { sharedKey } from "./key-agreement.ts";
import type { Keys, View } from "./messages.ts";

/** One end of the pairs. */
export interface Tagging {
  readonly suite: SuiteId;
  readonly context0: string;
  readonly keys: Keys;
  readonly sealPrivateKey: string;
}

const sealOf = (keys: Keys): string => keys.statement.body.seal;

function pairKey({ suite, context0, keys, sealPrivateKey }: Tagging, other: Keys): Uint8Array {
  const [low, high] = keys.signer < other.signer ? [keys, other] : [other, keys];
  const use: KeyUse = {
    suite,
    context: context0,
    kind: "view",
    phase: 0,
    ids: [low.signer, high.signer],
    keys: [sealOf(low), sealOf(high)],
  };
  return sharedKey(sealPrivateKey, sealOf(other), use);
}

/** "sealane/view-tag/v1\n" ‖ JCS of the statement ‖ "\n" ‖ signer: a tag says who saw it, so it cannot be handed back. */
const tagText = (statement: string, signer: string): Uint8Array => utf8(`sealane/view-tag/v1\n${statement}\n${signer}`);

const tagOf = (key: Uint8Array, text: Uint8Array): Uint8Array =>
  createHmac("sha256", createSecretKey(key)).update(text).digest().subarray(0, VIEW_TAG_BYTES);

/** Ahead of the first view. */
export function deriveViewKeys(own: Tagging, others: readonly Keys[]): void {
  for (const other of others) pairKey(own, other);
}

/** One tag for each of `holders`, in their order. */
export function viewTags(own: Tagging, holders: readonly Keys[], statement: View["statement"]): string[] {
  const text = tagText(canonicalJson(statement), own.keys.signer);
  return holders.map((holder) => toBase64url(tagOf(pairKey(own, holder), text)));
}

/** Tells of a tag for this member whether `holder` made it for this statement; an empty one is nobody's. */
export function viewTagCheck(own: Tagging, statement: View["statement"]): (holder: Keys, tag: string) => boolean {
  const canonical = canonicalJson(statement);
  return (holder, tag) =>
    tag !== "" &&
    timingSafeEqual(
      fromBase64url(tag, "tag", VIEW_TAG_BYTES),
      tagOf(pairKey(own, holder), tagText(canonical, holder.signer)),
    );
}
