/** What the ledger tells equal tables of this node by, and what a policy leaves of privacy, where it wants noise. */
import { SALT_BYTES, saltedDigest } from "../../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../../crypto/suites/encoding.ts";
import { parsePolicy } from "../../../policies/model/parse-policy.ts";
import type { Policy } from "../../../policies/model/policy.ts";
import { costFor } from "../../../policies/privacy/accountant.ts";
import type { CoreServices } from "../core-services.ts";

interface KeptKey {
  /** base64url; made once, so that a copy of a table is told whenever it is registered. */
  readonly key: string;
}

export interface StatedPrivacy {
  readonly content: string;
  readonly budget?: number;
}

export function createContentCommitments({ openStore, random }: Pick<CoreServices, "openStore" | "random">) {
  const store = openStore<KeptKey>("content-key");
  let found: Promise<string> | undefined;

  async function keyOf(): Promise<string> {
    const kept = await store.get("key");
    if (kept !== undefined) return kept.key;
    const key = toBase64url(random(SALT_BYTES));
    await store.put("key", { key });
    return key;
  }

  /** Keyed, so that nobody can try out what the table holds. `fingerprint`: of the registered bytes. */
  return async (fingerprint: string, policy: Policy | undefined): Promise<StatedPrivacy> => {
    found ??= keyOf();
    const content = saltedDigest(fromBase64url(await found, "key", SALT_BYTES), { content: fingerprint });
    const parsed = policy === undefined ? undefined : parsePolicy(policy);
    const wanted = parsed?.ok === true ? parsed.terms.privacy : undefined;
    return wanted === undefined
      ? { content }
      : { content, budget: costFor(Number(wanted.budget), Number(wanted.delta)) };
  };
}
