/** Names of a policy that nothing answers to, told to whoever puts it in force. */
import { Type } from "typebox";
import type { Asset } from "../../../../policies/model/asset.ts";
import { parsePolicy } from "../../../../policies/model/parse-policy.ts";
import type { Policy } from "../../../../policies/model/policy.ts";
import { namedMembers, unmatchedTerms } from "../../../../policies/model/unmatched-terms.ts";
import { createLedgerFacts } from "../../../computations/ledger-facts.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import { FieldError, spoken } from "../../problem.ts";

export const Remarks = Type.Array(FieldError);

export async function remarksOn(
  { ledger }: Pick<NodeServices, "ledger">,
  asset: Asset,
  policy: Policy | null | undefined,
) {
  const parsed = parsePolicy(policy);
  if (!parsed.ok) return [];
  const facts = createLedgerFacts(ledger);
  const named = [...new Set(Object.values(namedMembers(parsed.terms)).flat())];
  const found = await Promise.all(named.map((id) => facts.member(id)));
  const members = new Set(named.filter((_, index) => found[index]?.active === true));
  const attributes = Object.keys(await facts.attributes());
  return unmatchedTerms(parsed.terms, asset, { isMember: (id) => members.has(id), attributes }).map(spoken);
}
