/** Who takes part in a computation, and on which agreement (secure-aggregation.md sections 1 and 4). */
import { activeAsset } from "./assets.ts";
import { digitsOf } from "./cells.ts";
import { demand, found } from "./errors.ts";
import type { Host } from "./host.ts";
import { countAssetUses, readAgreement, readAssetVersion } from "./keys.ts";
import type { MemberState, PinnedMember } from "./records.ts";
import { type Author, activeMember, millisOf, providerOf } from "./rule.ts";
import type { CohortEntry, TransactionBody } from "./transactions.ts";

type Opening = TransactionBody<"computation.open">;

/** Checks every entry; answers what the registry says about its member now. `outside`: groups that may not take part. */
export async function demandCohort(
  host: Host,
  author: Author,
  body: Opening,
  outside: ReadonlySet<string>,
): Promise<readonly PinnedMember[]> {
  const groups = new Map<string, string>();
  const domains = new Map<string, string>();
  const pinned: PinnedMember[] = [];
  let previous = "";
  for (const [at, entry] of body.cohort.entries()) {
    const field = `cohort[${at}]`;
    demand(entry.member > previous, "ERR_CONTRACT_COHORT_ORDER", `${field}: expected ascending member ids`, field);
    previous = entry.member;
    const member = await activeMember(host, entry.member, `${field}.member`);
    demandGroup(entry, member, groups, outside, field);
    const unitDomain = await demandAgreed(host, author, body, entry, field);
    // Section 4: equal domains would count the same population twice.
    demand(
      !domains.has(unitDomain),
      "ERR_CONTRACT_UNIT_DOMAIN",
      `${field}.asset: unit domain ${unitDomain} is also that of ${domains.get(unitDomain)}; such assets are not summed`,
      `${field}.asset`,
    );
    domains.set(unitDomain, entry.asset);
    const digits = digitsOf(body.cells.dimensions, member.record.attributes);
    pinned.push({ member: entry.member, holdingGroup: entry.holdingGroup, digits });
  }
  return pinned;
}

function demandGroup(
  entry: CohortEntry,
  member: MemberState,
  groups: Map<string, string>,
  outside: ReadonlySet<string>,
  field: string,
): void {
  const group = member.record.holdingGroup;
  demand(
    entry.holdingGroup === group,
    "ERR_CONTRACT_MISMATCH",
    `${field}.holdingGroup: the ledger says ${group}`,
    `${field}.holdingGroup`,
  );
  demand(
    !groups.has(group),
    "ERR_CONTRACT_HOLDING_GROUP",
    `${field}: holding group ${group} already takes part through ${groups.get(group)}`,
    field,
  );
  demand(
    !outside.has(group),
    "ERR_CONTRACT_ROLES",
    `${field}: ${group} is the group of the coordinator, receiver, requester or sequencer`,
    field,
  );
  groups.set(group, entry.member);
}

/** The entry stands on a live agreement for exactly this request and asset version. Answers the unit domain. */
async function demandAgreed(
  host: Host,
  author: Author,
  body: Opening,
  entry: CohortEntry,
  field: string,
): Promise<string> {
  const state = found(await readAgreement(host.store, entry.agreement), "agreement", `${field}.agreement`);
  const { agreement } = state;
  const matches =
    agreement.request === body.request &&
    agreement.consumer === author.id &&
    agreement.asset === entry.asset &&
    agreement.assetVersion === entry.assetVersion &&
    state.provider === entry.member &&
    providerOf(entry.asset) === entry.member;
  demand(
    matches,
    "ERR_CONTRACT_MISMATCH",
    `${field}.agreement: ${entry.agreement} is not of this request, member, asset and version`,
    `${field}.agreement`,
  );
  demand(
    state.state === "finalized",
    "ERR_CONTRACT_AGREEMENT",
    `${field}.agreement: ${entry.agreement} is ${state.state}`,
    `${field}.agreement`,
  );
  demand(
    millisOf(agreement.validUntil, "validUntil") >= millisOf(body.deadlines.contribution2, "deadlines.contribution2"),
    "ERR_CONTRACT_AGREEMENT",
    `${field}.agreement: ends at ${agreement.validUntil}, before the last contribution`,
    `${field}.agreement`,
  );
  demand(
    agreement.figures === undefined,
    "ERR_CONTRACT_AGREEMENT",
    `${field}.agreement: is on encrypted queries`,
    `${field}.agreement`,
  );
  await demandUses(host, entry, agreement.maxUses, field);
  await activeAsset(host, entry.asset, `${field}.asset`);
  const version = await readAssetVersion(host.store, entry.asset, entry.assetVersion);
  return found(version, "asset version", `${field}.assetVersion`).unitDomain;
}

/** Uses are counted over all agreements on the asset: those that were concluded at the same time share what is left. */
async function demandUses(host: Host, entry: CohortEntry, maxUses: number | undefined, field: string): Promise<void> {
  if (maxUses === undefined) return;
  const uses = await countAssetUses(host.store, entry.asset);
  demand(
    uses < maxUses,
    "ERR_CONTRACT_AGREEMENT_USED_UP",
    `${field}.agreement: ${uses} of ${maxUses} uses of ${entry.asset} are spent`,
    `${field}.agreement`,
  );
}
