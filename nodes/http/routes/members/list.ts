import { Type } from "typebox";
import { closed } from "../../../../chaincode/rules/vocabulary.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { MemberView, problems } from "../../schemas.ts";

export function listMembers(app: HttpApp, deps: Pick<NodeServices, "members">): void {
  app.get(
    "/api/v1/members",
    {
      schema: {
        summary: "Members of the network as this node's replica shows them",
        response: { 200: closed({ members: Type.Array(MemberView) }), ...problems },
      },
    },
    async () => ({ members: [...(await deps.members.list())] }),
  );
}
