import { record } from "../../../../exchange/requests/record.ts";
import { demandOperator } from "../../../runtime/network/invitation.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { MemberParameters, problems, ReasonBody, Recorded } from "../../schemas.ts";

type Deps = Pick<NodeServices, "identity" | "ledger" | "member" | "network">;

/** Suspension and reinstatement differ in one word. */
export function changeMembership(app: HttpApp, deps: Deps): void {
  for (const verb of ["suspend", "reinstate"] as const) {
    app.post(
      `/api/v1/members/:member/${verb}`,
      {
        schema: {
          summary: `${verb === "suspend" ? "Suspends" : "Reinstates"} a member (operator only)`,
          params: MemberParameters,
          body: ReasonBody,
          response: { 200: Recorded, ...problems },
        },
      },
      async (request) => {
        await demandOperator(deps);
        const body = { member: request.params.member, reason: request.body.reason };
        const { height } = await deps.ledger.status();
        // Height in the id: the same member may be suspended again later, while a repeated call is answered once.
        const { position, time } = await record(deps, `member.${verb}`, body, { ...body, height });
        return { position, time };
      },
    );
  }
}
