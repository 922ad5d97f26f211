import { Type } from "typebox";
import { Count, closed } from "../../../../chaincode/rules/vocabulary.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { HttpError } from "../../http-error.ts";
import { problems } from "../../schemas.ts";

export function proveEntry(app: HttpApp, deps: Pick<NodeServices, "ledger">): void {
  app.get(
    "/api/v1/ledger/entries/:position/proof",
    {
      schema: {
        summary: "Offline proof that a record is on the ledger (c2sp.org/tlog-proof@v1)",
        params: closed({ position: Count }),
        response: {
          200: Type.Union([
            closed({ kind: Type.Literal("tlog"), proof: Type.String() }),
            closed({ kind: Type.Literal("fabric"), proof: Type.Unknown() }),
          ]),
          ...problems,
        },
      },
    },
    async (request) => {
      const { position } = request.params;
      const { height } = await deps.ledger.status();
      if (position < height) return (await deps.ledger.prove(position)) as never;
      throw new HttpError("ERR_HTTP_NOT_FOUND", `position: the replica's height is ${height}, got ${position}`);
    },
  );
}
