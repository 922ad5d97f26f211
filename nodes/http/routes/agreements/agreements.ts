import { Type } from "typebox";
import { readAgreement } from "../../../../chaincode/rules/keys.ts";
import { AssetId, Code, closed, Instant, literals, MemberId, Uuid } from "../../../../chaincode/rules/vocabulary.ts";
import { NEGOTIATION_STATES, type NegotiationState } from "../../../../exchange/negotiation/messages.ts";
import { revokeAgreement } from "../../../../exchange/requests/agree.ts";
import { isOver, type RequestLife } from "../../../../exchange/requests/life.ts";
import type { Context } from "../../../computations/context.ts";
import type { HttpApp } from "../../http-app.ts";
import { Done, problems, ReasonBody } from "../../schemas.ts";

const AgreementView = closed({
  agreement: Uuid,
  request: Uuid,
  asset: AssetId,
  assetVersion: Type.Integer(),
  provider: MemberId,
  consumer: MemberId,
  /** DSP negotiation state; REVOKED and ENDED (no longer in force, `reason` says why) are ours. */
  state: literals([...NEGOTIATION_STATES, "REVOKED", "ENDED"]),
  validUntil: Instant,
  reason: Type.Optional(Code),
});

export function listAgreements(app: HttpApp, ctx: Pick<Context, "stores" | "services">): void {
  app.get(
    "/api/v1/agreements",
    {
      schema: {
        summary: "Agreements of this node, as provider or consumer",
        response: { 200: closed({ agreements: Type.Array(AgreementView) }), ...problems },
      },
    },
    async () => {
      const agreements = [];
      for await (const [, kept] of ctx.stores.agreements.entries()) {
        const onLedger = await readAgreement(ctx.services.ledger, kept.agreement);
        const life = (await ctx.stores.lives.get(kept.request))?.life;
        const { asset, message } = kept.delivery;
        agreements.push({
          agreement: kept.agreement,
          request: kept.request,
          asset: kept.asset,
          assetVersion: asset.version,
          provider: asset.provider,
          consumer: message.agreement.assignee,
          validUntil: message.agreement["sealane:validUntil"],
          ...(onLedger?.state === "revoked"
            ? { state: "REVOKED" as const, reason: onLedger.reason }
            : standing(kept.negotiation.state, {
                life,
                asset: kept.asset,
                isConcluded: onLedger !== undefined,
                isExpired: message.agreement["sealane:validUntil"] <= ctx.services.now(),
              })),
        });
      }
      return { agreements };
    },
  );
}

/**
 * An agreement serves one request: it is in force, or on its way there, while that can still use it. One that was verified
 * and never recorded ends with the request, and with a refusal that was recorded in its place.
 */
export function standing(
  state: NegotiationState,
  { life, asset, isConcluded, isExpired }: Circumstances,
): { readonly state: NegotiationState | "ENDED"; readonly reason?: string } {
  const ended = (reason: string) => ({ state: "ENDED" as const, reason });
  if (life?.name === "cancelled") return ended("request-cancelled");
  if (life?.name === "failed") return ended("request-failed");
  if (!isConcluded && life !== undefined && life.name !== "draft") {
    if (life.assets[asset]?.outcome === "refuse") return ended("asset-refused");
    if (isOver(life)) return ended("request-ended");
  }
  return isExpired ? ended("agreement-expired") : { state };
}

interface Circumstances {
  readonly life: RequestLife | undefined;
  readonly asset: string;
  /** On the ledger. */
  readonly isConcluded: boolean;
  readonly isExpired: boolean;
}

export function revoke(app: HttpApp, ctx: Context): void {
  app.post(
    "/api/v1/agreements/:agreement/revoke",
    {
      schema: {
        summary: "Revokes an agreement of this provider; a running use stops before its last view",
        params: closed({ agreement: Uuid }),
        body: ReasonBody,
        response: { 200: Done, ...problems },
      },
    },
    async ({ params, body }) => {
      await revokeAgreement(ctx.party, params.agreement, body.reason);
      return { done: true as const };
    },
  );
}
