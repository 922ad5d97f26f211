/** The interface to other members `peer/v1`: TLS under the pinned key, every request signed. */
import rateLimit from "@fastify/rate-limit";
import type { FastifyBaseLogger } from "fastify";
import type { NodeConfig } from "../config/node-config.ts";
import type { TlsIdentity } from "../config/tls-certificate.ts";
import type { MemberDirectory } from "../peer/member-directory.ts";
import type { RecordStore } from "../store/records.ts";
import { createHttpApp, type HttpApp } from "./http-app.ts";
import { addAddressLimit } from "./plugins/address-limit.ts";
import { addGuards, type GuardDeps } from "./plugins/guards.ts";
import { addPeerAuth } from "./plugins/peer-auth.ts";

export interface PeerAppDeps extends Omit<GuardDeps, "interface"> {
  readonly logger: FastifyBaseLogger;
  readonly config: () => NodeConfig;
  readonly network: string;
  readonly member: string;
  readonly members: Pick<MemberDirectory, "publicKey" | "isReplaced">;
  readonly now: () => string;
  /** See createReplayCache. */
  readonly ahead: RecordStore<string>;
  readonly tls: TlsIdentity;
}

export async function createPeerApp(
  deps: PeerAppDeps,
  routes: (app: HttpApp) => void,
): Promise<{ readonly app: HttpApp; readonly running: () => number }> {
  const app = createHttpApp({
    logger: deps.logger,
    maxBodyBytes: () => deps.config().limits.peerBodyBytes,
    requestTimeoutMs: deps.config().limits.requestTimeoutMs,
    https: { key: deps.tls.privateKey, cert: deps.tls.certificate, minVersion: "TLSv1.3" },
  });
  // Not `global`: the plugin would count after the hooks below, where a stranger's request has ended already.
  await app.register(rateLimit, { global: false, timeWindow: 60_000 });
  addAddressLimit(app, {
    requestsPerMinute: () => deps.config().limits.peerRequestsPerMinutePerAddress,
    countRefusal: deps.metrics.countRefusal,
  });
  addPeerAuth(app, {
    ...deps,
    requestsPerMinutePerMember: () => deps.config().limits.peerRequestsPerMinutePerMember,
    callsAtOncePerMember: () => deps.config().limits.peerCallsAtOncePerMember,
    bodyBytes: () => deps.config().limits.peerBodyBytes,
    countRefusal: deps.metrics.countRefusal,
  });
  const { running } = addGuards(app, { ...deps, interface: "peer" });
  routes(app);
  await app.ready();
  return { app, running };
}
