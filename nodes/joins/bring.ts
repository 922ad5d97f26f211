/** One side's part of a match, to the coordinator. Safe to repeat. Throws PeerError. */
import type { Context } from "../computations/context.ts";
import type { BroughtFile } from "./match-bytes.ts";
import { joinPaths, type MatchPart, Taken } from "./messages.ts";

const ATTEMPTS = 5;

export async function bringToMatcher(
  { services, stores }: Pick<Context, "services" | "stores">,
  {
    run,
    request,
    matcher,
    part,
    brought,
    assertInTime,
  }: {
    readonly run: string;
    readonly request: string;
    readonly matcher: string;
    readonly part: MatchPart;
    readonly brought: BroughtFile;
    /** Before each piece. */
    readonly assertInTime?: () => void;
  },
): Promise<void> {
  const target = await services.members.target(matcher);
  const call = { response: Taken, attempts: ATTEMPTS } as const;
  const body = { part, request: await stores.documents.get(request) };
  await services.peers.call(target, { ...call, method: "POST", path: joinPaths.match(run), body });
  let index = 0;
  for await (const piece of brought.pieces()) {
    assertInTime?.();
    await services.peers.call(target, { ...call, method: "PUT", path: joinPaths.piece(run, index), body: piece });
    index += 1;
  }
}
