/** Messages of other members on their way to this node's coordinator or receiver role. */
import { SecaggError } from "../../crypto/secagg/errors.ts";
import type { CoordinatorInput } from "../../crypto/secagg/step.ts";
import { ComputationError } from "../../exchange/computations/errors.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import type { Context, Transcript } from "./context.ts";
import type { CoordinatorRole } from "./coordinator-role.ts";
import { recordFault } from "./faults.ts";
import { checked, maximumBytesOf, refusing, signedPart } from "./inbound.ts";
import type { ReceiverRole } from "./receiver-role.ts";

export interface Deliveries {
  /** A protocol message of another member, for this node's coordinator or receiver role. Throws when it is refused. */
  deliver(from: string, computation: string, message: unknown, bytes: number): Promise<{ readonly held?: number }>;
  /** A chunk of the sender's own contribution. */
  deliverChunk(from: string, computation: string, chunk: Chunk): Promise<{ readonly held: number }>;
  deliverTranscript(from: string, computation: string, transcript: Transcript): Promise<void>;
}

type Chunk = Omit<Extract<CoordinatorInput, { kind: "chunk" }>, "kind" | "from">;

/** Too late, or too early, is what slow members and slow replicas are. */
const NO_FAULT: readonly SecaggError["code"][] = ["ERR_SECAGG_STAGE", "ERR_SECAGG_ORDER"];

export const isFault = (error: unknown): boolean =>
  error instanceof ComputationError && !(error.cause instanceof SecaggError && NO_FAULT.includes(error.cause.code));

interface Recipients {
  readonly coordinator?: CoordinatorRole;
  readonly receiver?: ReceiverRole;
}

export function createDeliveries(
  ctx: Context,
  host: {
    /** Throws where there is none and will be none, and where one is about to start. */
    readonly rolesFor: (computation: string) => Promise<Recipients>;
    readonly startRoles: (computation: string) => Promise<void>;
  },
): Deliveries {
  const { rolesFor, startRoles } = host;

  async function deliver(from: string, id: string, value: unknown, bytes: number): Promise<{ readonly held?: number }> {
    const { coordinator, receiver } = await rolesFor(id);
    const limit = coordinator === undefined ? undefined : maximumBytesOf(value, coordinator.size);
    if (limit !== undefined && bytes > limit) {
      await recordFault(ctx, id, { member: from, reason: "oversized-message" });
      throw new ComputationError("ERR_COMPUTATION_SIZE", `message: ${bytes} bytes, at most ${limit} allowed`);
    }
    const message = checked(value, id);
    const role = message.type === "omitted" ? receiver : coordinator;
    if (role === undefined) {
      throw new ComputationError("ERR_COMPUTATION_UNKNOWN", `computation ${id}: this node has no such role`);
    }
    await blaming(id, from, message.type, () => role.feed({ kind: "message", from, message }));
    const signed = signedPart(message);
    if (signed !== undefined) await ctx.stores.witnessed.put(`${id}/${from}/${message.type}`, signed);
    const isLong = "chunks" in message && message.chunks.length > 1;
    return isLong && coordinator !== undefined
      ? { held: coordinator.held(message.type === "contribution-1" ? 1 : 2, from) }
      : {};
  }

  async function deliverChunk(from: string, id: string, chunk: Chunk): Promise<{ readonly held: number }> {
    const { coordinator } = await rolesFor(id);
    if (coordinator === undefined) {
      throw new ComputationError("ERR_COMPUTATION_UNKNOWN", `computation ${id}: this node has no such role`);
    }
    await blaming(id, from, "chunk", () => coordinator.feed({ kind: "chunk", from, ...chunk }));
    return { held: coordinator.held(chunk.phase, from) };
  }

  async function deliverTranscript(from: string, id: string, transcript: Transcript): Promise<void> {
    const opened = await ctx.facts.opened(id);
    if (opened?.body.receiver !== ctx.services.member || opened.body.coordinator !== from) {
      throw new ComputationError("ERR_COMPUTATION_FORBIDDEN", `computation ${id}: not from its coordinator`);
    }
    const message = checked(transcript.result, id);
    await startRoles(id);
    const { receiver } = await rolesFor(id);
    if (receiver === undefined) {
      throw new RequestError("ERR_REQUEST_UNREACHABLE", `computation ${id}: its dossier has not come yet`);
    }
    await blaming(id, from, message.type, () => receiver.takeTranscript(transcript));
  }

  async function blaming(id: string, from: string, type: string, feedIn: () => Promise<void>): Promise<void> {
    try {
      await refusing(feedIn);
    } catch (error) {
      if (isFault(error)) await recordFault(ctx, id, { member: from, reason: `refused-${type}` });
      throw error;
    }
  }

  return Object.freeze({ deliver, deliverChunk, deliverTranscript });
}
