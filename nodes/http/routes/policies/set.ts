import { closed } from "../../../../chaincode/rules/vocabulary.ts";
import { Policy } from "../../../../policies/model/policy.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { judgedLater } from "../../openapi.ts";
import { problems } from "../../schemas.ts";
import { remarksOn } from "../assets/remarks.ts";
import { AssetParameters, RemarkedView, viewOf } from "../assets/schemas.ts";

export function setPolicy(app: HttpApp, deps: Pick<NodeServices, "assets" | "ledger">): void {
  app.put(
    "/api/v1/assets/:asset/policy",
    {
      schema: {
        summary: "Puts a policy in force; an unknown term is refused",
        params: AssetParameters,
        body: closed({ policy: judgedLater(Policy) }),
        response: { 200: RemarkedView, ...problems },
      },
    },
    async (request) => {
      const own = await deps.assets.setPolicy(request.params.asset, request.body.policy);
      return { ...viewOf(own), remarks: await remarksOn(deps, own.asset, own.policy) };
    },
  );
}
