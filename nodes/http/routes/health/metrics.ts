import type { Metrics } from "../../../runtime/metrics.ts";
import type { HttpApp } from "../../http-app.ts";

/** Prometheus text. Labels hold no member, no asset and no value, so it is open like /health. */
export function showMetrics(app: HttpApp, deps: { readonly metrics: Metrics }): void {
  app.get("/metrics", { schema: { hide: true }, config: { public: true, accessLog: false } }, async (_request, reply) =>
    reply.header("content-type", deps.metrics.contentType).send(await deps.metrics.text()),
  );
}
