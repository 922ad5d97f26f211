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
/** A dataset of a member's connector that the ledger does not know: nothing of it is verified. */
const Offered = closed({
  member: MemberId,
  id: Type.String(),
  /** By language; "" where the connector names none. */
  title: Type.Record(Type.String(), Type.String()),
  description: Type.String(),
  keywords: Type.Array(Type.String()),
  formats: Type.Array(Type.String()),
  copiedAt: Instant,
});
/** A member whose own catalogue was asked for. */
const Source = closed({
  member: MemberId,
  /** Of the last good copy; absent where there was none yet. */
  copiedAt: Type.Optional(Instant),
  entries: Type.Integer(),
  offers: Type.Integer(),
  /** Left out of that copy, by reason. */
  refused: Type.Record(Type.String(), Type.Integer()),
  /** Tries in vain since. */
  failures: Type.Integer(),
  error: Type.Optional(Type.String()),
});
const Listed = closed({ asset: Asset, offer: Policy, publishedAt: Instant });

export function searchCatalogue(app: HttpApp, deps: Pick<NodeServices, "catalogue" | "crawler">): void {
  app.get(
    "/api/v1/catalogue",
    {
      schema: {
        summary: "Assets of all members, verified against the ledger, and what members' connectors offer beside them",
        querystring: Query,
        response: {
          200: closed({ assets: Type.Array(Listed), offers: Type.Array(Offered), sources: Type.Array(Source) }),
          ...problems,
        },
      },
    },
    async (request) => {
      const found = await deps.catalogue.search(request.query);
      deps.crawler.wanted();
      return {
        assets: found.map(({ statement }) => statement) as never,
        offers: deps.crawler.search(request.query) as never,
        sources: deps.crawler.members().map(({ copy: _copy, due: _due, ...source }) => source) as never,
      };
    },
  );
  app.get(
    "/api/v1/catalogue/:asset",
    { schema: { summary: "One asset of any member", params: AssetParameters, response: { 200: Listed, ...problems } } },
    async (request) => (await deps.catalogue.find(request.params.asset)).statement as never,
  );
}
