import { type Static, Type } from "typebox";
import { MemberRecord } from "../../../../chaincode/rules/transactions.ts";
import { Code, closed, Digest, Instant, literals } from "../../../../chaincode/rules/vocabulary.ts";
import { APPLICATION_STATES, openApplications } from "../../../runtime/network/application.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { problems } from "../../schemas.ts";

const ApplicationView = closed({
  id: Digest,
  state: literals(APPLICATION_STATES),
  reason: Type.Optional(Code),
  receivedAt: Instant,
  member: MemberRecord,
});

export function listApplications(app: HttpApp, deps: Pick<NodeServices, "openStore">): void {
  app.get(
    "/api/v1/applications",
    {
      schema: {
        summary: "Applications for membership that this node received",
        response: { 200: closed({ applications: Type.Array(ApplicationView) }), ...problems },
      },
    },
    async () => {
      const applications: Static<typeof ApplicationView>[] = [];
      for await (const [id, received] of openApplications(deps).entries()) {
        const { application, state, reason, receivedAt } = received;
        const { member } = application.statement;
        applications.push({ id, state, ...(reason === undefined ? {} : { reason }), receivedAt, member });
      }
      return { applications };
    },
  );
}
