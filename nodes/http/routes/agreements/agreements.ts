import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { readAgreement } from "../../../../chaincode/rules/keys.ts";
import type { AgreementState } from "../../../../chaincode/rules/records.ts";
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
import type { RecordStore } from "../../../store/records.ts";
import { agreementUuid, type KeptAgreement } from "../../../transfers/agreements.ts";
import type { HttpApp } from "../../http-app.ts";
import { Done, problems, ReasonBody } from "../../schemas.ts";

const AgreementView = closed({
  agreement: Uuid,
  /** What it permits: an aggregate over many, or records of this asset. */
  use: literals(["computation", "records"]),
  /** Of a computation. */
  request: Type.Optional(Uuid),
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

interface Agreed {
  readonly ctx: Pick<Context, "stores" | "services">;
  /** Of data requests, and by the pid of any negotiation. */
  readonly negotiating: Pick<Negotiating, "find" | "negotiations">;
  readonly records: RecordStore<KeptAgreement>;
}

export function listAgreements(app: HttpApp, agreed: Agreed): void {
  app.get(
    "/api/v1/agreements",
    {
      schema: {
        summary: "Agreements of this node, as provider or consumer, on computations and on records",
        response: { 200: closed({ agreements: Type.Array(AgreementView) }), ...problems },
      },
    },
    async () => {
      const agreements = [];
      for await (const [, kept] of agreed.ctx.stores.agreements.entries()) {
        agreements.push(await viewOf(agreed, kept, await negotiationOf(agreed, kept)));
      }
      for await (const [, kept] of agreed.records.entries()) {
        agreements.push(await recordsView(agreed, kept, await agreed.negotiating.negotiations.find(kept.negotiation)));
      }
      return { agreements };
    },
  );
}

export function showAgreement(app: HttpApp, agreed: Agreed): void {
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
      const onRecords = await agreed.records.get(params.agreement);
      if (onRecords !== undefined) {
        const record = await agreed.negotiating.negotiations.find(onRecords.negotiation);
        return withNegotiation(await recordsView(agreed, onRecords, record), record);
      }
      for await (const [, kept] of agreed.ctx.stores.agreements.entries()) {
        if (kept.agreement !== params.agreement) continue;
        const record = await negotiationOf(agreed, kept);
        return withNegotiation(await viewOf(agreed, kept, record), record);
      }
      throw new RequestError("ERR_REQUEST_UNKNOWN", `agreement ${params.agreement}: not known to this node`);
    },
  );
}

function withNegotiation(view: Static<typeof AgreementView>, record: NegotiationRecord | undefined) {
  const document = record?.side.document;
  return record === undefined || document === undefined
    ? view
    : { ...view, negotiation: negotiationView(record, document) };
}

const negotiationOf = ({ ctx, negotiating }: Agreed, kept: AgreementRecord) =>
  negotiating.find(
    kept.terms.asset.provider === ctx.services.member ? "provider" : "consumer",
    kept.request,
    kept.asset,
  );

/** Another party's word: shown here where it has the form of a code, in full with the negotiation. */
const causeIn = (document: Negotiation | undefined): string | undefined => {
  const cause = document?.termination?.code;
  return cause !== undefined && codes.Check(cause) ? cause : undefined;
};

async function recordsView(
  { ctx }: Agreed,
  { agreement }: KeptAgreement,
  record: NegotiationRecord | undefined,
): Promise<Static<typeof AgreementView>> {
  const { ledger, now } = ctx.services;
  const id = agreementUuid(agreement["@id"]);
  const validUntil = agreement["sealane:validUntil"];
  return {
    agreement: id,
    use: "records",
    asset: agreement.target,
    assetVersion: agreement["sealane:assetVersion"],
    provider: agreement.assigner,
    consumer: agreement.assignee,
    validUntil,
    ...standingOnRecords(record?.side.document, {
      onLedger: await readAgreement(ledger, id),
      isExpired: validUntil <= now(),
    }),
  };
}

/** Its negotiation is forgotten some time after it is over; what the ledger has stays. */
export function standingOnRecords(
  document: Negotiation | undefined,
  { onLedger, isExpired }: { readonly onLedger: AgreementState | undefined; readonly isExpired: boolean },
): Standing {
  if (onLedger?.state === "revoked") {
    return { state: "REVOKED", ...(onLedger.reason === undefined ? {} : { reason: onLedger.reason }) };
  }
  if (isExpired) return { state: "ENDED", reason: "agreement-expired" };
  if (onLedger !== undefined) return { state: "FINALIZED" };
  if (document === undefined) return { state: "ENDED", reason: "agreement-not-recorded" };
  const reason = causeIn(document);
  return { state: document.state, ...(document.state !== "TERMINATED" || reason === undefined ? {} : { reason }) };
}

async function viewOf(
  { ctx }: Agreed,
  kept: AgreementRecord,
  record: NegotiationRecord | undefined,
): Promise<Static<typeof AgreementView>> {
  const onLedger = await readAgreement(ctx.services.ledger, kept.agreement);
  const life = (await ctx.stores.lives.get(kept.request))?.life;
  const { agreement, asset } = kept.terms;
  const document = record?.side.document;
  return {
    agreement: kept.agreement,
    use: "computation",
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
          cause: causeIn(document),
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
): Standing {
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

/** `reason`: why it is not in force. */
interface Standing {
  readonly state: NegotiationState | "REVOKED" | "ENDED";
  readonly reason?: string;
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
