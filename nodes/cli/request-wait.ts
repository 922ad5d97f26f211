/** Waiting for the end of a request: it goes on in the nodes whether or not anybody watches. */
import type { RequestView } from "../http/routes/requests/schemas.ts";
import type { ApiClient } from "./api-client.ts";
import type { CommandContext } from "./context.ts";
import { createProgress } from "./progress.ts";

/** Refusals by every provider settle a request before its state says so: looked at anew at least this often. */
const LONGEST_POLL_MS = 5_000;
const ENDED: readonly RequestView["state"][] = ["released", "withheld", "failed", "cancelled"];

/** True when nothing more can happen without a person: ended, or refused by every provider. */
export const isSettled = ({ state, assets }: Pick<RequestView, "state" | "assets">): boolean =>
  ENDED.includes(state) || (assets.length > 0 && assets.every(({ outcome }) => outcome === "refuse"));

/** The request once it is settled, or as it stands after `waitMs`. */
export function awaitEnd(context: CommandContext, api: ApiClient, id: string, waitMs: number): Promise<RequestView> {
  const { surroundings, texts } = context;
  return createProgress(surroundings).step(texts.text("cli.request.waiting"), async (update) => {
    const path = `/requests/${encodeURIComponent(id)}`;
    const until = surroundings.now() + waitMs;
    let view = await api.get<RequestView>(path);
    for (;;) {
      const left = until - surroundings.now();
      if (isSettled(view) || left <= 0) return view;
      surroundings.signal.throwIfAborted();
      update(texts.text(`request.state.${view.state}`));
      view = await api.get<RequestView>(`${path}?unless=${view.state}&waitMs=${Math.min(left, LONGEST_POLL_MS)}`);
    }
  });
}
