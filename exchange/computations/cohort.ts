/** Who takes part: one agreement per holding group, without the groups of C, R, requester and sequencer. */
import type { Asset } from "../../policies/model/asset.ts";
import type { Policy } from "../../policies/model/policy.ts";

export interface Candidate {
  readonly member: string;
  readonly holdingGroup: string;
  readonly active: boolean;
  /** Its agreement, and its policy's account, allow one more computation. */
  readonly usesLeft: boolean;
  readonly asset: Asset;
  readonly policy: Policy;
  readonly agreement: string;
}

export const LEFT_OUT_REASONS = [
  "member-inactive",
  "uses-exhausted",
  "group-holds-a-role",
  "group-already-represented",
  "unit-domain-overlap",
] as const;

export interface LeftOut {
  readonly asset: string;
  readonly reason: (typeof LEFT_OUT_REASONS)[number];
}

export interface Cohort {
  /** Ascending by member id. */
  readonly members: readonly Candidate[];
  readonly leftOut: readonly LeftOut[];
}

/** The first asset by id of the first member by id speaks for a group. */
export function selectCohort(candidates: readonly Candidate[], excludedGroups: ReadonlySet<string>): Cohort {
  const members: Candidate[] = [];
  const leftOut: LeftOut[] = [];
  const groups = new Set<string>();
  const domains = new Set<string>();
  for (const candidate of [...candidates].sort(byMemberThenAsset)) {
    const reason = reasonToLeaveOut(candidate, { excludedGroups, groups, domains });
    if (reason !== undefined) {
      leftOut.push({ asset: candidate.asset.id, reason });
      continue;
    }
    groups.add(candidate.holdingGroup);
    domains.add(candidate.asset.unitDomain);
    members.push(candidate);
  }
  return { members, leftOut };
}

interface Seen {
  readonly excludedGroups: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
  readonly domains: ReadonlySet<string>;
}

function reasonToLeaveOut(candidate: Candidate, seen: Seen): LeftOut["reason"] | undefined {
  if (!candidate.active) return "member-inactive";
  if (seen.excludedGroups.has(candidate.holdingGroup)) return "group-holds-a-role";
  if (seen.groups.has(candidate.holdingGroup)) return "group-already-represented";
  // Two tables over the same population may hold the same unit twice.
  if (seen.domains.has(candidate.asset.unitDomain)) return "unit-domain-overlap";
  // Last, so that it is told of whoever would take part otherwise.
  if (!candidate.usesLeft) return "uses-exhausted";
  return undefined;
}

const byMemberThenAsset = (a: Candidate, b: Candidate): number =>
  a.member < b.member ? -1 : a.member > b.member ? 1 : a.asset.id < b.asset.id ? -1 : 1;
