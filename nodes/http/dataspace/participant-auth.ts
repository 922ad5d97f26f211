/** Who calls: a participant whose token is for this call and no other. Everybody else is told that there is nothing. */
import { unknownProcess } from "../../dataspace/dataspace-error.ts";
import type { HttpApp } from "../http-app.ts";
import type { ParticipantLimits } from "./participant-limits.ts";

export interface Participant {
  readonly id: string;
  /** SHA-256 of the body that the token was made for, base64url; absent where tokens of this kind do not say. */
  readonly digest?: string;
}

/**
 * Undefined: nobody this node knows, by this token, for this call. Where participants come with another kind of proof
 * (credentials of the Decentralized Claims Protocol, say), another one of these reads it.
 */
export type Authenticate = (call: {
  readonly authorization: string | undefined;
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
}) => Promise<Participant | undefined>;

/** Before the body is read: a stranger cannot make this node take in anything. */
export function addParticipantAuth(
  app: HttpApp,
  deps: {
    readonly authenticate: Authenticate;
    readonly countRefusal: (code: string) => void;
    readonly limits: ParticipantLimits;
  },
): void {
  const digests = new WeakMap<object, string>();
  const refuse = () => {
    deps.countRefusal("ERR_DATASPACE_UNKNOWN");
    return unknownProcess();
  };
  app.addHook("onRequest", async (request) => {
    const { method, headers, raw } = request;
    const call = { authorization: headers.authorization, method, target: raw.url ?? "" };
    const participant = await deps.authenticate(call);
    if (participant === undefined) throw refuse();
    request.author = participant.id;
    await deps.limits.enter(request);
    if (participant.digest !== undefined) digests.set(request, participant.digest);
  });
  // As behind the routes between members: a caller that hung up gets no response, only the attempt to send one.
  app.addHook("onSend", async (request) => deps.limits.leave(request));
  app.addHook("onResponse", async (request) => deps.limits.leave(request));
  app.addHook("preValidation", async (request) => {
    const digest = digests.get(request);
    if (digest !== undefined && digest !== request.bodyDigest) throw refuse();
  });
}
