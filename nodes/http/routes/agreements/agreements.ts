import { Type } from "typebox";
import { Compile } from "typebox/compile";
import { readAgreement } from "../../../../chaincode/rules/keys.ts";
import { AssetId, Code, closed, Instant, literals, MemberId, Uuid } from "../../../../chaincode/rules/vocabulary.ts";
import { NEGOTIATION_STATES, type NegotiationState } from "../../../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../../../exchange/negotiation/negotiation.ts";
import { revokeAgreement } from "../../../../exchange/requests/agree.ts";
import type { AgreementRecord } from "../../../../exchange/requests/agreement-record.ts";
import { RequestError } from "../../../../exchange/requests/errors.ts";
import { isOver, type RequestLife } from "../../../../exchange/requests/life.ts";
import type { Context } from "../../../computations/context.ts";
import type { Negotiating } from "../../../computations/negotiating.ts";
import type { NegotiationRecord } from "../../../computations/negotiation-index.ts";
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

const NegotiationView = closed({
  /** Of this node. */
  role: literals(["consumer", "provider"]),
  providerPid: Type.String(),
  consumerPid: Type.String(),
  state: literals(NEGOTIATION_STATES),
  termination: Type.Optional(
    closed({
      by: literals(["consumer", "provider"]),
      code: Type.Optional(Type.String()),
      reasons: Type.Array(Type.String()),
    }),
  ),
  /** Messages as they were sent and taken here, oldest first. `digest`: SHA-256 of the canonical message. */
  messages: Type.Array(
    closed({
      at: Instant,
      by: literals(["consumer", "provider"]),
      message: Type.String(),
      digest: Type.String(),
      state: literals(NEGOTIATION_STATES),
    }),
  ),
});
const AgreementDetail = closed({ ...AgreementView.properties, negotiation: Type.Optional(NegotiationView) });

const codes = Compile(Code);

type Ctx = Pick<Context, "stores" | "services">;

export function listAgreements(app: HttpApp, ctx: Ctx, negotiating: Pick<Negotiating, "find">): void {
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
        agreements.push(await viewOf(ctx, kept, await negotiationOf(ctx, negotiating, kept)));
      }
      return { agreements };
    },
  );
}

export function showAgreement(app: HttpApp, ctx: Ctx, negotiating: Pick<Negotiating, "find">): void {
  app.get(
    "/api/v1/agreements/:agreement",
    {
      schema: {
        summary: "One agreement, with the contract negotiation (DSP 2025-1) that led to it",
        params: closed({ agreement: Uuid }),
        response: { 200: AgreementDetail, ...problems },
      },
    },
    async ({ params }) => {
      for await (const [, kept] of ctx.stores.agreements.entries()) {
        if (kept.agreement !== params.agreement) continue;
        const record = await negotiationOf(ctx, negotiating, kept);
        const document = record?.side.document;
        return {
          ...(await viewOf(ctx, kept, record)),
          ...(record === undefined || document === undefined ? {} : { negotiation: negotiationView(record, document) }),
        };
      }
      throw new RequestError("ERR_REQUEST_UNKNOWN", `agreement ${params.agreement}: not known to this node`);
    },
  );
}

const negotiationOf = ({ services }: Ctx, negotiating: Pick<Negotiating, "find">, kept: AgreementRecord) =>
  negotiating.find(kept.terms.asset.provider === services.member ? "provider" : "consumer", kept.request, kept.asset);

async function viewOf(ctx: Ctx, kept: AgreementRecord, record: NegotiationRecord | undefined) {
  const onLedger = await readAgreement(ctx.services.ledger, kept.agreement);
  const life = (await ctx.stores.lives.get(kept.request))?.life;
  const { agreement, asset } = kept.terms;
  const document = record?.side.document;
  const cause = document?.termination?.code;
  return {
    agreement: kept.agreement,
    request: kept.request,
    asset: kept.asset,
    assetVersion: asset.version,
    provider: asset.provider,
    consumer: agreement.assignee,
    validUntil: agreement["sealane:validUntil"],
    ...(onLedger?.state === "revoked"
      ? { state: "REVOKED" as const, reason: onLedger.reason }
      : standing(document?.state ?? "REQUESTED", {
          life,
          asset: kept.asset,
          isConcluded: onLedger !== undefined,
          isExpired: agreement["sealane:validUntil"] <= ctx.services.now(),
          // Another party's word: shown here where it has the form of a code, in full with the negotiation.
          cause: cause !== undefined && codes.Check(cause) ? cause : undefined,
        })),
  };
}

function negotiationView({ side, history = [] }: NegotiationRecord, document: Negotiation) {
  const { providerPid, consumerPid, state, termination } = document;
  return {
    role: side.role,
    providerPid,
    consumerPid,
    state,
    ...(termination === undefined
      ? {}
      : {
          termination: {
            by: termination.by,
            ...(termination.code === undefined ? {} : { code: termination.code }),
            reasons: (termination.reason ?? []).map((one) => (typeof one === "string" ? one : JSON.stringify(one))),
          },
        }),
    messages: history.map((step) => ({ ...step, state: step.state as NegotiationState })),
  };
}

/**
 * An agreement serves one request: it is in force, or on its way there, while that can still use it. One that was verified
 * and never recorded ends with the request, and with a refusal that was recorded in its place.
 */
export function standing(
  state: NegotiationState,
  { life, asset, isConcluded, isExpired, cause }: Circumstances,
): { readonly state: NegotiationState | "ENDED"; readonly reason?: string } {
  const ended = (reason: string) => ({ state: "ENDED" as const, reason });
  if (life?.name === "cancelled") return ended("request-cancelled");
  if (life?.name === "failed") return ended("request-failed");
  if (!isConcluded && life !== undefined && life.name !== "draft") {
    if (life.assets[asset]?.outcome === "refuse") return ended("asset-refused");
    if (isOver(life)) return ended("request-ended");
  }
  if (state === "TERMINATED" && cause !== undefined) return { state, reason: cause };
  return isExpired ? ended("agreement-expired") : { state };
}

interface Circumstances {
  readonly life: RequestLife | undefined;
  readonly asset: string;
  /** On the ledger. */
  readonly isConcluded: boolean;
  readonly isExpired: boolean;
  /** Of a negotiation that was terminated. */
  readonly cause?: string | undefined;
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
