import { Type } from "typebox";
import { Code, closed, Instant, literals, MemberId } from "../../../../chaincode/rules/vocabulary.ts";
import { Asset } from "../../../../policies/model/asset.ts";
import { Policy } from "../../../../policies/model/policy.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { problems } from "../../schemas.ts";
import { AssetParameters } from "../assets/schemas.ts";

const Query = closed({
  text: Type.Optional(Type.String({ maxLength: 200 })),
  element: Type.Optional(Code),
  provider: Type.Optional(MemberId),
  level: Type.Optional(literals(["L1", "L2", "L3", "L4"])),
  legal: Type.Optional(literals(["core", "important", "general"])),
});
const Listed = closed({ asset: Asset, offer: Policy, publishedAt: Instant });

export function searchCatalogue(app: HttpApp, deps: Pick<NodeServices, "catalogue">): void {
  app.get(
    "/api/v1/catalogue",
    {
      schema: {
        summary: "Assets of all members, verified against the ledger",
        querystring: Query,
        response: { 200: closed({ assets: Type.Array(Listed) }), ...problems },
      },
    },
    async (request) => {
      const found = await deps.catalogue.search(request.query);
      return { assets: found.map(({ statement }) => statement) as never };
    },
  );
  app.get(
    "/api/v1/catalogue/:asset",
    { schema: { summary: "One asset of any member", params: AssetParameters, response: { 200: Listed, ...problems } } },
    async (request) => (await deps.catalogue.find(request.params.asset)).statement as never,
  );
}
