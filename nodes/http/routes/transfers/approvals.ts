/** Records that wait for this node's steward: what lies there, and the steward's word. */
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
import { Declaration } from "../../../../exchange/transfers/declaration.ts";
import { Mask } from "../../../../policies/model/mask.ts";
import type { Approvals } from "../../../transfers/approvals.ts";
import type { HttpApp } from "../../http-app.ts";
import { problems } from "../../schemas.ts";

const OUTCOMES = literals(["permit", "refuse"]);

const PendingView = closed({
  negotiation: Uuid,
  /** Who asks. */
  consumer: MemberId,
  asset: AssetId,
  assetVersion: Count,
  policyDigest: Digest,
  declared: Declaration,
  columns: Type.Array(closed({ name: Type.String(), element: Type.String(), mask: Type.Optional(Mask) })),
  formats: Type.Array(Type.String()),
  /** Limits: a table that has more does not leave at all. */
  rows: Count,
  bytes: Count,
  /** Of the asset, over all consumers. Absent: no limit. */
  deliveries: Type.Optional(Count),
  since: Instant,
  /** Without a decision by then, the negotiation ends. */
  until: Instant,
  /** Said, and on its way to the ledger. */
  decided: Type.Optional(OUTCOMES),
});
export type PendingView = Static<typeof PendingView>;

const DecisionView = closed({ outcome: OUTCOMES, reasons: Type.Array(Code) });
export type ReleaseDecisionView = Static<typeof DecisionView>;

const Negotiation = closed({ negotiation: Uuid });

export function addApprovalApi(app: HttpApp, approvals: Pick<Approvals, "list" | "decide">): void {
  app.get(
    "/api/v1/release-approvals",
    {
      schema: {
        summary: "Records that consumers ask for and that wait for this node's steward, the oldest first",
        response: { 200: closed({ approvals: Type.Array(PendingView) }), ...problems },
      },
    },
    async () => {
      const waiting = await approvals.list();
      return {
        approvals: waiting.map((one) => ({
          ...one,
          declared: { ...one.declared },
          columns: one.columns.map((column) => ({ ...column })),
          formats: [...one.formats],
        })),
      };
    },
  );
  app.post(
    "/api/v1/release-approvals/:negotiation/approve",
    {
      schema: {
        summary: "The steward lets these records leave; the ledger keeps who did",
        params: Negotiation,
        body: closed({}),
        response: { 200: DecisionView, ...problems },
      },
    },
    async ({ params, operator }) =>
      view(await approvals.decide(params.negotiation, { outcome: "approved", by: operator })),
  );
  app.post(
    "/api/v1/release-approvals/:negotiation/refuse",
    {
      schema: {
        summary: "The steward does not let these records leave; the reason goes to the consumer",
        params: Negotiation,
        body: closed({ reason: Text }),
        response: { 200: DecisionView, ...problems },
      },
    },
    async ({ params, body, operator }) =>
      view(await approvals.decide(params.negotiation, { outcome: "refused", by: operator, words: body.reason })),
  );
}

const view = ({ outcome, reasons }: Awaited<ReturnType<Approvals["decide"]>>): ReleaseDecisionView => ({
  outcome,
  reasons: [...reasons],
});
