import { admitMember as admit } from "../../../runtime/network/application.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { MemberParameters, problems, Recorded } from "../../schemas.ts";

type Deps = Pick<NodeServices, "identity" | "ledger" | "member" | "network" | "now" | "openStore">;

export function admitMember(app: HttpApp, deps: Deps): void {
  app.post(
    "/api/v1/members/:member/admit",
    {
      schema: {
        summary: "Admits the waiting application of this member id (operator only)",
        params: MemberParameters,
        response: { 200: Recorded, ...problems },
      },
    },
    async (request) => {
      const { position, time } = await admit(deps, request.params.member);
      return { position, time };
    },
  );
}
