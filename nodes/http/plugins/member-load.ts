/** What each member has running on this node at one time: calls, and bytes of bodies. */
import type { FastifyRequest } from "fastify";
import { HttpError } from "../http-error.ts";

/** Largest bodies of one member at once. */
const BODIES_AT_ONCE = 4;

export interface MemberLoad {
  /** Throws HttpError ERR_HTTP_RATE_LIMIT when the member has too much running; else counts until `leave`. */
  enter(request: FastifyRequest, member: string): void;
  /** Idempotent; a request that never entered is fine. */
  leave(request: FastifyRequest): void;
}

export function createMemberLoad(limits: {
  readonly callsAtOnce: () => number;
  readonly bodyBytes: () => number;
}): MemberLoad {
  const loads = new Map<string, { calls: number; bytes: number }>();
  const entered = new Map<FastifyRequest, { readonly member: string; readonly bytes: number }>();

  return Object.freeze({
    enter(request: FastifyRequest, member: string) {
      const load = loads.get(member) ?? { calls: 0, bytes: 0 };
      const bytes = announcedBytes(request, limits.bodyBytes());
      if (load.calls >= limits.callsAtOnce()) throw tooMuch(`${load.calls} calls`);
      if (bytes > 0 && load.bytes + bytes > BODIES_AT_ONCE * limits.bodyBytes()) throw tooMuch(`${load.bytes} bytes`);
      load.calls += 1;
      load.bytes += bytes;
      loads.set(member, load);
      entered.set(request, { member, bytes });
    },
    leave(request: FastifyRequest) {
      const found = entered.get(request);
      const load = found && loads.get(found.member);
      if (found === undefined || load === undefined) return;
      entered.delete(request);
      load.calls -= 1;
      load.bytes -= found.bytes;
      if (load.calls === 0) loads.delete(found.member);
    },
  });
}

/** A body above the limit is refused later, by its own code. */
const announcedBytes = ({ headers }: FastifyRequest, limit: number): number =>
  Math.min(Number(headers["content-length"] ?? 0), limit);

const tooMuch = (running: string): HttpError =>
  new HttpError("ERR_HTTP_RATE_LIMIT", `${running} are running already; wait for one call to end`);
