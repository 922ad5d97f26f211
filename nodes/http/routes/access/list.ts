import { Type } from "typebox";
import { Count, closed } from "../../../../chaincode/rules/vocabulary.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import { AccessEntry } from "../../../store/access-chain.ts";
import type { HttpApp } from "../../http-app.ts";
import { problems } from "../../schemas.ts";

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

export function listAccess(app: HttpApp, deps: Pick<NodeServices, "accessLog">): void {
  app.get(
    "/api/v1/access-log",
    {
      schema: {
        summary: "Who called what on this node; without `from` the latest entries",
        querystring: closed({
          from: Type.Optional(Count),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_LIMIT })),
        }),
        response: { 200: closed({ entries: Type.Array(AccessEntry), size: Count }), ...problems },
      },
    },
    async (request) => {
      const size = deps.accessLog.size();
      const { limit = DEFAULT_LIMIT, from = Math.max(0, size - limit) } = request.query;
      return { entries: [...(await deps.accessLog.read(from, from + limit))], size };
    },
  );
}
