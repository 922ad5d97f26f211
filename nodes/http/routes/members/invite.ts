import { Type } from "typebox";
import { closed } from "../../../../chaincode/rules/vocabulary.ts";
import { createInvitation, Invitation } from "../../../runtime/network/invitation.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { problems } from "../../schemas.ts";

const InviteBody = closed({
  expiresInHours: Type.Optional(Type.Integer({ minimum: 1, maximum: 24 * 90 })),
  /** For whom; kept at the operator. */
  note: Type.Optional(Type.String({ maxLength: 200 })),
});
const DEFAULT_HOURS = 72;

type Deps = Pick<NodeServices, "ledger" | "member" | "network" | "now" | "random" | "openStore">;

export function inviteMember(app: HttpApp, deps: Deps): void {
  app.post(
    "/api/v1/invitations",
    {
      schema: {
        summary: "A one-time invitation file (operator only); keep it private",
        body: InviteBody,
        response: { 201: Invitation, ...problems },
      },
    },
    async (request, reply) => {
      const { expiresInHours = DEFAULT_HOURS, note = "" } = request.body;
      return reply.code(201).send(await createInvitation(deps, { expiresInHours, note }));
    },
  );
}
