/**
 * The features' routes for other members. A node listens before its features have started, so that the ledger it needs
 * for that can reach it; until then it has not read what lies on its disk, and says "later" to everything about it.
 */

import type { HttpApp } from "../http/http-app.ts";
import { HttpError } from "../http/http-error.ts";
import type { Feature } from "./services.ts";

const AGAIN_SECONDS = 1;

export function addFeatureRoutes(
  app: HttpApp,
  features: readonly Pick<Feature, "peerRoutes">[],
  isStarted: () => boolean,
): void {
  app.register(async (scoped) => {
    scoped.addHook("onRequest", async (_request, reply) => {
      if (isStarted()) return;
      reply.header("retry-after", String(AGAIN_SECONDS));
      throw new HttpError("ERR_HTTP_STARTING", "the node is starting; try again");
    });
    for (const feature of features) feature.peerRoutes?.(scoped as HttpApp);
  });
}
