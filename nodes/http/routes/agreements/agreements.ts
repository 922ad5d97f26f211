import { Type } from "typebox";
import { readAgreement } from "../../../../chaincode/rules/keys.ts";
import { AssetId, Code, closed, Instant, literals, MemberId, Uuid } from "../../../../chaincode/rules/vocabulary.ts";
import { NEGOTIATION_STATES } from "../../../../exchange/negotiation/messages.ts";
import { revokeAgreement } from "../../../../exchange/requests/agree.ts";
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
  /** DSP negotiation state; REVOKED is ours. */
  state: literals([...NEGOTIATION_STATES, "REVOKED"]),
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
        const { asset, message } = kept.delivery;
        agreements.push({
          agreement: kept.agreement,
          request: kept.request,
          asset: kept.asset,
          assetVersion: asset.version,
          provider: asset.provider,
          consumer: message.agreement.assignee,
          state: onLedger?.state === "revoked" ? ("REVOKED" as const) : kept.negotiation.state,
          validUntil: message.agreement["sealane:validUntil"],
          ...(onLedger?.state === "revoked" ? { reason: onLedger.reason } : {}),
        });
      }
      return { agreements };
    },
  );
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
