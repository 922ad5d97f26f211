import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { Done, problems, ReasonBody } from "../../schemas.ts";
import { AssetParameters } from "./schemas.ts";

export function withdrawAsset(app: HttpApp, deps: Pick<NodeServices, "assets">): void {
  app.post(
    "/api/v1/assets/:asset/withdraw",
    {
      schema: {
        summary: "Withdraws an asset of this node for good",
        params: AssetParameters,
        body: ReasonBody,
        response: { 200: Done, ...problems },
      },
    },
    async (request) => {
      await deps.assets.withdraw(request.params.asset, request.body.reason);
      return { done: true as const };
    },
  );
}
