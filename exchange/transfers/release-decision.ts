/**
 * A person's word on records, where the policy wants one: what lies before the steward, what is written down of the
 * decision, and what the ledger has of it. A decision counts for one negotiation, consumer, version of the asset and
 * policy; whatever of these changes wants another one.
 */
import { toBase64url } from "../../crypto/suites/encoding.ts";
import type { TransactionBody } from "../../ledger/port.ts";
import type { Asset } from "../../policies/model/asset.ts";
import type { DecisionContext } from "../../policies/model/context.ts";
import type { Mask } from "../../policies/model/mask.ts";
import type { PolicyTerms, ReleaseTerms } from "../../policies/model/terms.ts";
import type { Verdict } from "../../policies/model/verdict.ts";
import { releasedFields } from "../../policies/rules/release.ts";
import type { SaltedExplanation } from "../negotiation/messages.ts";
import { explanationDigest } from "../requests/agreement-record.ts";
import type { Declaration } from "./declaration.ts";
import type { ReleaseAgreement } from "./release-agreement.ts";

export interface ReleasedColumn {
  readonly name: string;
  readonly element: string;
  /** What leaves instead of its values. */
  readonly mask?: Mask;
}

/** What a consumer asks for, as the steward sees it. */
export interface AskedRecords {
  /** The provider's id of it. */
  readonly negotiation: string;
  readonly consumer: string;
  readonly asset: string;
  readonly assetVersion: number;
  readonly policyDigest: string;
  readonly declared: Declaration;
  readonly columns: readonly ReleasedColumn[];
  readonly formats: readonly string[];
  /** The table leaves whole or not at all; these are its limits. */
  readonly rows: number;
  readonly bytes: number;
  /** Of the asset, over all consumers; absent: no limit. */
  readonly deliveries?: number;
}

export interface StewardWord {
  readonly outcome: "approved" | "refused";
  /** Operator identity, for example `alpha/steward`. */
  readonly by: string;
  /** Of a refusal, for the consumer. */
  readonly words?: string;
}

/** A decision as its provider keeps it: what the salted digest on the ledger covers. */
export interface ReleaseExplanation extends AskedRecords {
  readonly salt: string;
  readonly outcome: "permit" | "refuse";
  readonly reasons: readonly string[];
  readonly verdicts: readonly Verdict[];
  readonly policyVersion: number;
  readonly decidedBy: string;
  readonly words?: string;
  /** UTC with Z. */
  readonly at: string;
}

export function askedRecords(about: {
  readonly negotiation: string;
  readonly consumer: string;
  readonly asset: Pick<Asset, "id" | "version" | "fields">;
  readonly terms: PolicyTerms & { readonly release: ReleaseTerms };
  readonly declared: Declaration;
}): AskedRecords {
  const { negotiation, consumer, asset, terms, declared } = about;
  const { masks, formats, rows, bytes, uses } = terms.release;
  return {
    ...{ negotiation, consumer, asset: asset.id, assetVersion: asset.version, policyDigest: terms.digest, declared },
    columns: releasedFields(terms, asset).map(({ name, element }) => {
      const mask = masks[element];
      return { name, element, ...(mask === undefined ? {} : { mask }) };
    }),
    ...{ formats, rows, bytes, ...(uses === undefined ? {} : { deliveries: uses }) },
  };
}

export const releaseExplanation = (
  asked: AskedRecords,
  { by, words }: StewardWord,
  decided: Pick<ReleaseExplanation, "outcome" | "reasons" | "verdicts" | "policyVersion" | "at">,
  salt: Uint8Array,
): ReleaseExplanation => ({
  ...asked,
  ...decided,
  decidedBy: by,
  ...(words === undefined ? {} : { words }),
  salt: toBase64url(salt),
});

/** For the consumer, beside the agreement. */
export const saltedExplanation = ({ salt, ...document }: ReleaseExplanation): SaltedExplanation => ({ salt, document });

export const releaseDecisionBody = (explanation: ReleaseExplanation): TransactionBody<"release.decide"> => ({
  negotiation: explanation.negotiation,
  asset: explanation.asset,
  assetVersion: explanation.assetVersion,
  consumer: explanation.consumer,
  outcome: explanation.outcome,
  reasons: [...explanation.reasons],
  policyDigest: explanation.policyDigest,
  policyVersion: explanation.policyVersion,
  explanationDigest: explanationDigest(saltedExplanation(explanation)),
  decidedBy: explanation.decidedBy,
});

/** As the ledger has it. */
export interface RecordedDecision {
  readonly time: string;
  readonly decision: TransactionBody<"release.decide">;
}

const NAMES = ["negotiation", "asset", "assetVersion", "consumer", "policyDigest"] as const;
type About = Pick<AskedRecords, (typeof NAMES)[number]>;

/** What a decision says about these very records; undefined: nothing, because it is about others or there is none. */
export function approvalOf(found: RecordedDecision | undefined, about: About): DecisionContext["approval"] {
  if (found === undefined) return undefined;
  const { decision, time } = found;
  if (NAMES.some((name) => decision[name] !== about[name])) return undefined;
  return { outcome: decision.outcome === "permit" ? "approved" : "refused", by: decision.decidedBy, at: time };
}

export const aboutAgreement = (negotiation: string, agreement: ReleaseAgreement): About => ({
  negotiation,
  asset: agreement.target,
  assetVersion: agreement["sealane:assetVersion"],
  consumer: agreement.assignee,
  policyDigest: agreement["sealane:policy"].digest,
});
