/** Prometheus metrics of one node. Labels never hold member ids, asset ids or values. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";

export interface Metrics {
  observeCall(call: {
    readonly interface: "api" | "peer";
    readonly method: string;
    readonly route: string;
    readonly status: number;
    readonly seconds: number;
  }): void;
  /** Counts refused peer requests by stable code. */
  countRefusal(code: string): void;
  /** Registered once; `read` is called at every scrape. */
  gauge(name: string, help: string, read: () => number | Promise<number>): void;
  /** Prometheus text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const calls = new Histogram({
    name: "sealane_http_request_seconds",
    help: "Duration of HTTP requests",
    labelNames: ["interface", "method", "route", "status"],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 30],
    registers: [registry],
  });
  const refusals = new Counter({
    name: "sealane_peer_refusals_total",
    help: "Peer requests refused before they reached a route, by code",
    labelNames: ["code"],
    registers: [registry],
  });
  return Object.freeze({
    observeCall: ({ seconds, ...labels }: Parameters<Metrics["observeCall"]>[0]) => calls.observe(labels, seconds),
    countRefusal: (code: string) => refusals.inc({ code }),
    gauge(name: string, help: string, read: () => number | Promise<number>) {
      new Gauge({
        name,
        help,
        registers: [registry],
        async collect() {
          this.set(await read());
        },
      });
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  });
}
