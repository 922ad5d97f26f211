/** Waiting for the end of a request: it goes on in the nodes whether or not anybody watches. */
import type { RequestView } from "../http/routes/requests/schemas.ts";
import type { ApiClient } from "./api-client.ts";
import type { CommandContext } from "./context.ts";
import { CliError } from "./errors.ts";
import { createProgress } from "./progress.ts";

const POLL_MS = 300;
const ENDED: readonly RequestView["state"][] = ["released", "withheld", "failed", "cancelled"];

/** True when nothing more can happen without a person: ended, or refused by every provider. */
export const isSettled = ({ state, assets }: Pick<RequestView, "state" | "assets">): boolean =>
  ENDED.includes(state) || (assets.length > 0 && assets.every(({ outcome }) => outcome === "refuse"));

/** Throws CliError ERR_CLI_TIMEOUT after `waitMs`. */
export function awaitEnd(context: CommandContext, api: ApiClient, id: string, waitMs: number): Promise<RequestView> {
  const { surroundings, texts } = context;
  return createProgress(surroundings).step(texts.text("cli.request.waiting"), async (update) => {
    const until = surroundings.now() + waitMs;
    for (;;) {
      const view = await api.get<RequestView>(`/requests/${encodeURIComponent(id)}`);
      if (isSettled(view)) return view;
      if (surroundings.now() >= until) throw new CliError("ERR_CLI_TIMEOUT", { seconds: waitMs / 1000 });
      surroundings.signal.throwIfAborted();
      update(texts.text(`request.state.${view.state}`));
      await surroundings.sleep(POLL_MS);
    }
  });
}
