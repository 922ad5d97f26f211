import { type Static, Type } from "typebox";
import {
  AssetId,
  Code,
  Count,
  closed,
  Digest,
  Instant,
  literals,
  MemberId,
  Text,
  Uuid,
} from "../../../../chaincode/rules/vocabulary.ts";
import type { LifeName, RequestLife } from "../../../../exchange/requests/life.ts";
import type { RequestDocument } from "../../../../exchange/requests/ports.ts";
import { DataRequest } from "../../../../policies/model/request.ts";

export const RequestParameters = closed({ request: Uuid });

export const LIFE_NAMES = [
  "draft",
  "submitted",
  "agreed",
  "opened",
  "counted",
  "computed",
  "released",
  "withheld",
  "failed",
  "cancelled",
] as const satisfies readonly LifeName[];

const AssetDecisionView = closed({
  asset: AssetId,
  outcome: literals(["pending", "permit", "refuse", "wait"]),
  reasons: Type.Array(Code),
  decidedBy: Type.Optional(Text),
  agreement: Type.Optional(Uuid),
  assetVersion: Type.Optional(Count),
  validUntil: Type.Optional(Instant),
  revoked: Type.Optional(Code),
});

/** A request as this node sees it on the ledger, with its document where the node has it. */
export const RequestView = closed({
  id: Uuid,
  state: literals(LIFE_NAMES),
  requester: Type.Optional(MemberId),
  receiver: Type.Optional(MemberId),
  submittedAt: Type.Optional(Instant),
  endedAt: Type.Optional(Instant),
  assets: Type.Array(AssetDecisionView),
  computation: Type.Optional(Uuid),
  resultDigest: Type.Optional(Digest),
  withheldCells: Type.Optional(Count),
  /** Why it was withheld, failed or cancelled. */
  reasons: Type.Optional(Type.Array(Code)),
  blamed: Type.Optional(MemberId),
  failures: Type.Array(closed({ computation: Uuid, reason: Code, blamed: Type.Optional(MemberId) })),
  document: Type.Optional(DataRequest),
});
export type RequestView = Static<typeof RequestView>;

export function viewOf(life: RequestLife, document: RequestDocument | undefined): RequestView {
  const body = document === undefined ? {} : { document: document.document.statement };
  if (life.name === "draft") return { id: life.id, state: "draft", assets: [], failures: [], ...body };
  return {
    id: life.id,
    state: life.name,
    requester: life.requester,
    receiver: life.receiver,
    submittedAt: life.submittedAt,
    assets: Object.entries(life.assets).map(([asset, { outcome, reasons, decidedBy, agreement }]) => ({
      asset,
      outcome,
      reasons: [...reasons],
      ...(decidedBy === undefined ? {} : { decidedBy }),
      ...(agreement === undefined
        ? {}
        : {
            agreement: agreement.id,
            assetVersion: agreement.assetVersion,
            validUntil: agreement.validUntil,
            ...(agreement.revoked === undefined ? {} : { revoked: agreement.revoked }),
          }),
    })),
    failures: life.failures.map((failure) => ({ ...failure })),
    ...endOf(life),
    ...body,
  };
}

function endOf(life: Exclude<RequestLife, { name: "draft" }>): Partial<RequestView> {
  switch (life.name) {
    case "submitted":
    case "agreed":
      return {};
    case "opened":
    case "counted":
    case "computed":
      return { computation: life.computation };
    case "released":
      return {
        computation: life.computation,
        resultDigest: life.resultDigest,
        withheldCells: life.withheldCells,
        endedAt: life.endedAt,
      };
    case "withheld":
      return { computation: life.computation, reasons: [...life.reasons], endedAt: life.endedAt };
    case "failed":
      return {
        computation: life.computation,
        reasons: [life.reason],
        endedAt: life.endedAt,
        ...(life.blamed === undefined ? {} : { blamed: life.blamed }),
      };
    case "cancelled":
      return { reasons: [life.reason], endedAt: life.endedAt };
  }
}
