/** The chunks of a member's contribution after the first one, from its in-flight files to the coordinator. */
import type { Message, MessageOf } from "../../crypto/secagg/messages.ts";
import type { PeerTarget } from "../peer/member-directory.ts";
import type { Context } from "./context.ts";
import { AcceptedMessage, paths } from "./peer-messages.ts";

type Contribution = MessageOf<"contribution-1"> | MessageOf<"contribution-2">;

const ATTEMPTS = 3;

/** In-flight part of a masked chunk. */
export const chunkPart = (phase: 1 | 2, index: number): string => `words-${phase}-${index}`;

export const isLongContribution = (message: Message): message is Contribution =>
  (message.type === "contribution-1" || message.type === "contribution-2") && message.chunks.length > 1;

/** In order from what the coordinator holds already. Throws PeerError. */
export async function putChunks(
  { services }: Pick<Context, "services">,
  target: PeerTarget,
  message: Contribution,
  held: number,
  signal: AbortSignal,
): Promise<void> {
  const { computation, chunks } = message;
  const phase = message.type === "contribution-1" ? 1 : 2;
  for (let index = Math.max(1, held); index < chunks.length; index++) {
    const body = await services.inflight.getPart(`${computation}-member`, chunkPart(phase, index));
    if (body === undefined) throw new TypeError(`computation ${computation}: chunk ${index} is gone`);
    await services.peers.call(target, {
      method: "PUT",
      path: paths.chunk(computation, { phase, member: services.member, index }),
      body,
      response: AcceptedMessage,
      attempts: ATTEMPTS,
      signal,
    });
  }
}
