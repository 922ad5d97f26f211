import { Type } from "typebox";
import { Count, closed, Instant } from "../../../../chaincode/rules/vocabulary.ts";
import type { LedgerEntry } from "../../../../ledger/port.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { problems } from "../../schemas.ts";

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

export function listEntries(app: HttpApp, deps: Pick<NodeServices, "ledger">): void {
  app.get(
    "/api/v1/ledger/entries",
    {
      schema: {
        summary: "Acknowledged records of this node's replica, in order",
        querystring: closed({
          from: Type.Optional(Count),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_LIMIT })),
        }),
        response: {
          200: closed({
            entries: Type.Array(closed({ position: Count, time: Instant, transaction: Type.Unknown() })),
            height: Count,
          }),
          ...problems,
        },
      },
    },
    async (request) => {
      const { from = 0, limit = DEFAULT_LIMIT } = request.query;
      const { height } = await deps.ledger.status();
      const entries: LedgerEntry[] = [];
      for await (const entry of deps.ledger.entries(from, limit)) entries.push(entry);
      return { entries, height };
    },
  );
}
