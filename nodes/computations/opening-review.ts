/** Gathers what `reviewOpening` compares: the request, the ledger's digests, the registry's code tables. */
import type { ComputationOpened } from "../../chaincode/rules/records.ts";
import { type Review, reviewOpening } from "../../exchange/computations/review.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import type { Context } from "./context.ts";

export interface OpenedDocuments {
  readonly query: unknown;
  readonly layout: unknown;
  readonly policy: unknown;
}

export async function reviewWithLedger(
  ctx: Pick<Context, "facts">,
  opened: ComputationOpened,
  documents: OpenedDocuments,
  request: DataRequest,
): Promise<Review> {
  const { body } = opened;
  const ledger: Record<string, { metadata?: string; policy?: string }> = {};
  for (const { asset, assetVersion } of body.cohort) {
    const metadata = await ctx.facts.metadataDigest(asset, assetVersion);
    const decision = await ctx.facts.decision(body.request, asset);
    ledger[asset] = {
      ...(metadata === undefined ? {} : { metadata }),
      ...(decision?.outcome === "permit" ? { policy: decision.policyDigest } : {}),
    };
  }
  const [sequencer, attributes] = await Promise.all([ctx.facts.sequencer(), ctx.facts.attributes()]);
  return reviewOpening({ opened: body, ...documents, request, sequencer, attributes, ledger });
}
