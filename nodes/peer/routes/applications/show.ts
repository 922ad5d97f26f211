import { closed, Digest } from "../../../../chaincode/rules/vocabulary.ts";
import type { HttpApp } from "../../../http/http-app.ts";
import { problems } from "../../../http/schemas.ts";
import { applicationState } from "../../../runtime/network/application.ts";
import { ApplicationStateReply } from "../../../runtime/network/join.ts";
import type { NodeServices } from "../../../runtime/services.ts";

type Deps = Pick<NodeServices, "ledger" | "member" | "network" | "now" | "openStore">;

/** The id is the digest of what only the applicant and this node know. */
export function showApplication(app: HttpApp, deps: Deps): void {
  app.get(
    "/peer/v1/applications/:id",
    {
      schema: { params: closed({ id: Digest }), response: { 200: ApplicationStateReply, ...problems } },
      config: { public: true, accessLog: false, rateLimit: { max: 3_000, timeWindow: 60_000 } },
    },
    (request) => applicationState(deps, request.params.id),
  );
}
