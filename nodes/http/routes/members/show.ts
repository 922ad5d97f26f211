import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { HttpError } from "../../http-error.ts";
import { MemberParameters, MemberView, problems } from "../../schemas.ts";

export function showMember(app: HttpApp, deps: Pick<NodeServices, "members">): void {
  app.get(
    "/api/v1/members/:member",
    { schema: { summary: "One member", params: MemberParameters, response: { 200: MemberView, ...problems } } },
    async (request) => {
      const { member } = request.params;
      const found = await deps.members.find(member);
      if (found === undefined) throw new HttpError("ERR_HTTP_NOT_FOUND", `member: ${member} is not on the ledger`);
      return found;
    },
  );
}
