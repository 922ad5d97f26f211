import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { HttpError } from "../../http-error.ts";
import { problems } from "../../schemas.ts";
import { AssetParameters, OwnAssetView, viewOf } from "./schemas.ts";

export function showAsset(app: HttpApp, deps: Pick<NodeServices, "assets">): void {
  app.get(
    "/api/v1/assets/:asset",
    {
      schema: {
        summary: "One asset of this node",
        params: AssetParameters,
        response: { 200: OwnAssetView, ...problems },
      },
    },
    async (request) => {
      const found = await deps.assets.find(request.params.asset);
      if (found !== undefined) return viewOf(found);
      throw new HttpError("ERR_HTTP_NOT_FOUND", `asset: ${request.params.asset} is not registered on this node`);
    },
  );
}
