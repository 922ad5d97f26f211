import { Bytes32, closed } from "../../../../chaincode/rules/vocabulary.ts";
import type { HttpApp } from "../../../http/http-app.ts";
import { problems } from "../../../http/schemas.ts";
import { Application, receiveApplication } from "../../../runtime/network/application.ts";
import { ApplicationReply } from "../../../runtime/network/join.ts";
import type { NodeServices } from "../../../runtime/services.ts";

const Body = closed({ token: Bytes32, application: Application });

/** A member record with its texts; the only body that a stranger can make this node read. */
const MAX_APPLICATION_BYTES = 64 * 1024;

type Deps = Pick<NodeServices, "ledger" | "member" | "network" | "now" | "openStore">;

/** Unsigned as a request, because the applicant is no member yet: the invitation's token and its own signature count. */
export function submitApplication(app: HttpApp, deps: Deps): void {
  // One at a time, so that one token cannot be spent twice.
  let last: Promise<unknown> = Promise.resolve();
  app.post(
    "/peer/v1/applications",
    {
      bodyLimit: MAX_APPLICATION_BYTES,
      schema: { body: Body, response: { 200: ApplicationReply, ...problems } },
      config: { public: true, rateLimit: { max: 120, timeWindow: 60_000 } },
    },
    (request) => {
      const received = last.catch(() => undefined).then(() => receiveApplication(deps, request.body));
      last = received;
      return received;
    },
  );
}
