import { refuseApplication as refuse } from "../../../runtime/network/application.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { Done, MemberParameters, problems, ReasonBody } from "../../schemas.ts";

type Deps = Pick<NodeServices, "ledger" | "member" | "network" | "now" | "openStore">;

export function refuseApplication(app: HttpApp, deps: Deps): void {
  app.post(
    "/api/v1/applications/:member/refuse",
    {
      schema: {
        summary: "Refuses the waiting application of this member id (operator only)",
        params: MemberParameters,
        body: ReasonBody,
        response: { 200: Done, ...problems },
      },
    },
    async (request) => {
      await refuse(deps, request.params.member, request.body.reason);
      return { done: true as const };
    },
  );
}
