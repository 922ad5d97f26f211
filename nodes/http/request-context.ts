/** What the plugins put on a request, and what a route may say about itself in `config`. */
import type {} from "fastify";
import type { PersonRole } from "./person-token.ts";
import type { RouteFacts } from "./route-facts.ts";

declare module "fastify" {
  interface FastifyInstance {
    /** Every route, in the order in which they were added. */
    routeFacts: readonly RouteFacts[];
    /** Writes a call down before it is answered, where the answer waits. Throws ERR_HTTP_AUDIT_STOPPED. */
    logAccess(request: FastifyRequest, status: number): Promise<void>;
    /** Peer interface: counts one more call of the signer of `request`. Throws ERR_HTTP_RATE_LIMIT beyond its rate. */
    countMemberCall(request: FastifyRequest): Promise<void>;
  }
  interface FastifyRequest {
    /** Peer interface: the member whose signature was verified. Empty on unsigned routes and the management interface. */
    author: string;
    /** Peer interface: id of the key under which that signature was verified. Empty where `author` is. */
    authorKey: string;
    /** Management interface: `<member>/<operator>`. Empty on the peer interface. */
    operator: string;
    /** SHA-256 of the body bytes as received, base64url. */
    bodyDigest: string;
    accessLogged: boolean;
  }
  interface FastifyContextConfig {
    /** Needs neither token nor signature (health, applications for membership). Default false. */
    public?: boolean;
    /** Management interface: also for the persons that the configuration names under this key. Default: for none. */
    people?: PersonRole;
    /** Goes to the access log. Default true; false for health, metrics and replication, which show nothing of anyone. */
    accessLog?: boolean;
    /** Waits for news: not counted when the node stops gracefully. Default false. */
    longPoll?: boolean;
    /** Takes bytes (`application/octet-stream`) as its body. Default false. */
    binary?: boolean;
    /** May run while the disk is full. Default: true for GET, false for all others. */
    readOnlySafe?: boolean;
  }
}
