/**
 * One participant of a measured exchange, as a node serves it: TLS, tokens, limits, access log on disk. What is not
 * measured is not there.
 */
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { serviceId } from "../../exchange/catalog/dcat.ts";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { DATASPACE_PATH } from "../../exchange/protocol/paths.ts";
import { transferProtocol } from "../../exchange/transfers/protocol.ts";
import { NETWORK } from "../../ledger/conformance/fixture.ts";
import { createTlsIdentity } from "../config/tls-certificate.ts";
import { createAuthenticate } from "../dataspace/authenticate.ts";
import { createProcesses } from "../dataspace/processes.ts";
import type { CatalogPorts } from "../http/dataspace/catalog-routes.ts";
import { addDataspaceRoutes, type DataspaceRouteDeps } from "../http/dataspace/dataspace-routes.ts";
import { createParticipantLimits } from "../http/dataspace/participant-limits.ts";
import { createPeerApp } from "../http/peer-app.ts";
import type { MemberDirectory } from "../peer/member-directory.ts";
import { systemEffects } from "../runtime/effects.ts";
import { createMetrics } from "../runtime/metrics.ts";
import { openAccessLog } from "../store/access-log.ts";
import type { Kept, RecordStore } from "../store/records.ts";

const MANY = 1_000_000;
const LIMITS = {
  peerRequestsPerMinutePerMember: MANY,
  peerRequestsPerMinutePerAddress: MANY,
  peerCallsAtOncePerMember: 1_000,
  peerBodyBytes: 1 << 20,
  requestTimeoutMs: 30_000,
};

export async function serveParty(options: {
  readonly folder: string;
  readonly member: string;
  readonly members: Pick<MemberDirectory, "publicKey" | "isReplaced">;
  readonly openStore: <V>(name: string, kept?: Kept) => RecordStore<V>;
  /** Default: nothing is offered. */
  readonly catalog?: Pick<CatalogPorts, "page" | "dataset">;
  /** Default: none is agreed to. */
  readonly negotiations?: DataspaceRouteDeps["negotiations"];
}): Promise<{ readonly port: number; readonly pin: string; close(): Promise<void> }> {
  const { folder, member, members, openStore } = options;
  const { now, random } = systemEffects;
  const idle = <Document>(protocol: unknown, name: string) =>
    createProcesses<never, never>({
      ...{ now, protocol: protocol as never, records: openStore(name), open: openStore(`${name}-open`) },
      post: async () => ({ kind: "passing" as const, code: "nobody", doubtful: false }),
      ask: async () => undefined,
      admits: async () => ({ code: "nothing", detail: "not measured" }),
      next: async () => undefined,
      onError: () => undefined,
    }) as unknown as Document;
  const tls = await createTlsIdentity({ member, endpoint: undefined, now: now(), serial: random(16) });
  const { app } = await createPeerApp(
    {
      ...{ network: NETWORK, member, members, now, ahead: openStore<string>("requests-ahead"), tls },
      ...{ logger: pino({ level: "silent" }), config: () => ({ limits: LIMITS }) as never, metrics: createMetrics() },
      ...{ assertWritable: () => undefined, accessLog: await openAccessLog(folder, now) },
    },
    (peer) =>
      addDataspaceRoutes(peer, {
        authenticate: createAuthenticate({
          ...{ publicKey: members.publicKey, audience: member, now, ahead: openStore<string>("dsp-tokens-ahead") },
        }),
        countRefusal: () => undefined,
        limits: createParticipantLimits(peer, {
          requestsPerMinute: () => LIMITS.peerRequestsPerMinutePerMember,
          callsAtOnce: () => LIMITS.peerCallsAtOncePerMember,
          bodyBytes: () => LIMITS.peerBodyBytes,
        }),
        catalog: {
          participant: member,
          service: {
            "@id": serviceId(member),
            "@type": "DataService",
            endpointURL: `https://127.0.0.1${DATASPACE_PATH}`,
          },
          ...(options.catalog ?? { page: async () => ({ datasets: [] }), dataset: async () => undefined }),
        },
        negotiations: options.negotiations ?? idle(negotiationProtocol, "n"),
        transfers: idle(transferProtocol, "t"),
      }),
  );
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return { port, pin: tls.pin, close: () => app.close() };
}
