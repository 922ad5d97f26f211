/** Anchors of members' access logs: one root per range, ranges without gap or overlap. */
import { demand } from "./errors.ts";
import { keys } from "./keys.ts";
import type { AccessAnchorState, AccessState } from "./records.ts";
import { type Rule, written } from "./rule.ts";

export const anchorAccess: Rule<"access.anchor"> = async (host, author, { from, to, root }) => {
  const head = (await host.store.get(keys.access(author.id))) as AccessState | undefined;
  const expected = head?.to ?? 0;
  demand(from === expected, "ERR_CONTRACT_RANGE", `from: expected ${expected}, got ${from}`, "from");
  demand(to > from, "ERR_CONTRACT_RANGE", `to: expected more than ${from}, got ${to}`, "to");
  const anchor: AccessAnchorState = { from, to, root, ...written(host) };
  const next: AccessState = { to, root };
  await host.store.put(keys.accessAnchor(author.id, from), anchor);
  await host.store.put(keys.access(author.id), next);
};
