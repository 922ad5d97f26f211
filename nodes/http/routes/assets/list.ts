import { Type } from "typebox";
import { closed } from "../../../../chaincode/rules/vocabulary.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { problems } from "../../schemas.ts";
import { OwnAssetView, viewOf } from "./schemas.ts";

export function listAssets(app: HttpApp, deps: Pick<NodeServices, "assets">): void {
  app.get(
    "/api/v1/assets",
    {
      schema: {
        summary: "Assets of this node with the policy in force",
        response: { 200: closed({ assets: Type.Array(OwnAssetView) }), ...problems },
      },
    },
    async () => ({ assets: (await deps.assets.list()).map(viewOf) }),
  );
}
