import { Type } from "typebox";
import { closed } from "../../../../chaincode/rules/vocabulary.ts";
import { AssetDescription } from "../../../../exchange/catalog/description.ts";
import { Policy } from "../../../../policies/model/policy.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import { SourceDescription } from "../../../sources/description.ts";
import type { HttpApp } from "../../http-app.ts";
import { judgedLater } from "../../openapi.ts";
import { problems } from "../../schemas.ts";
import { remarksOn } from "./remarks.ts";
import { RegisteredView, viewOf } from "./schemas.ts";

/** `asset` is judged by the catalogue, which lists every problem at once; the route fixes only the envelope. */
const RegisterBody = closed({
  asset: judgedLater(AssetDescription),
  source: SourceDescription,
  policy: Type.Optional(judgedLater(Policy)),
});

export function registerAsset(app: HttpApp, deps: Pick<NodeServices, "assets" | "ledger">): void {
  app.post(
    "/api/v1/assets",
    {
      schema: {
        summary:
          "Registers a table of this node as an asset, or its next version; `unchanged` when only its policy was set",
        body: RegisterBody,
        response: { 201: RegisteredView, ...problems },
      },
    },
    async (request, reply) => {
      const { asset: description, source, policy } = request.body;
      const input = { description, source, ...(policy === undefined ? {} : { policy }) };
      const registered = await deps.assets.register(input);
      const remarks = policy === undefined ? [] : await remarksOn(deps, registered.asset, registered.policy);
      return reply.code(201).send({ ...viewOf(registered), remarks, unchanged: registered.unchanged });
    },
  );
}
