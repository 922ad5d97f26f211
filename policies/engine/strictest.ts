/** One set of minima for a whole cohort: the strictest of all policies (secure-aggregation.md section 2). */
import type { Asset } from "../model/asset.ts";
import type { ReceiverMode } from "../model/operands.ts";
import type { Problem } from "../model/problem.ts";
import type { Query } from "../model/query.ts";
import type { PolicyTerms } from "../model/terms.ts";

/** The constants of a `computation.open` record. */
export interface Constants {
  readonly members: number;
  readonly threshold: number;
  readonly quorum: number;
  readonly minimumOrganisations: number;
  readonly minimumUnits: number;
  readonly colluders: number;
  readonly drops: number;
  readonly need: number;
}
export interface CohortParty {
  readonly policy: PolicyTerms;
  readonly asset: Asset;
}
export interface CohortPlan {
  readonly query: Query;
  readonly cellMode: "registry" | "counted";
  readonly receiverMode: ReceiverMode;
  readonly receiver: string;
  readonly coordinatorIsSequencer: boolean;
}
export type Strictest =
  | { readonly ok: true; readonly constants: Constants; readonly exactMomentsTrusted: boolean }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** `parties`: one per holding group, the cohort as it will be opened. Never depends on who turns up later. */
export function strictest(_parties: readonly CohortParty[], _plan: CohortPlan): Strictest {
  return { ok: false, problems: [] };
}
