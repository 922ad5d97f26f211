/** What is told to whoever puts a policy in force: names that nothing answers to, and that it permits nothing. */
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
  const known = await Promise.all(named.map((id) => facts.member(id)));
  const members = new Set(named.filter((_, index) => known[index]?.active === true));
  const attributes = Object.keys(await facts.attributes());
  const found = unmatchedTerms(parsed.terms, asset, { isMember: (id) => members.has(id), attributes });
  const isClosed = parsed.terms.privacy === undefined && (await facts.privacyLeft(asset.id)) !== undefined;
  const closed = isClosed ? [{ field: "sealane:privacy", code: "privacy-account", parameters: {} }] : [];
  return [...found, ...closed].map(spoken);
}
