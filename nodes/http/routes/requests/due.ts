import { Type } from "typebox";
import { AssetId, closed, Instant, literals, MemberId, Uuid } from "../../../../chaincode/rules/vocabulary.ts";
import { STANDINGS } from "../../../../exchange/requests/deadlines.ts";
import type { RequestDeadlines } from "../../../policies/request-deadlines.ts";
import type { HttpApp } from "../../http-app.ts";
import { problems } from "../../schemas.ts";

const DueView = closed({
  request: Uuid,
  asset: AssetId,
  requester: MemberId,
  outcome: literals(["pending", "wait"]),
  submittedAt: Instant,
  remindAt: Instant,
  due: Instant,
  escalateAt: Instant,
  standing: literals(STANDINGS),
  role: literals(["provider", "requester", "operator", "none"]),
  remindedAt: Type.Optional(Instant),
});

export function listDue(app: HttpApp, deadlines: Pick<RequestDeadlines, "list">): void {
  app.get(
    "/api/v1/due-requests",
    {
      schema: {
        summary: "Assets of requests that somebody still owes an answer on, the most urgent first",
        response: { 200: closed({ due: Type.Array(DueView) }), ...problems },
      },
    },
    async () => ({ due: [...(await deadlines.list())] }),
  );
}
