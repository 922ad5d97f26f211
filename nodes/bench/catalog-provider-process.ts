/** Serves the measured catalogue as a node does: TLS, tokens, limits, access log on disk. Started by catalog-served.ts. */
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pino } from "pino";
import { serviceId } from "../../exchange/catalog/dcat.ts";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { DATASPACE_PATH } from "../../exchange/protocol/paths.ts";
import { transferProtocol } from "../../exchange/transfers/protocol.ts";
import { NETWORK } from "../../ledger/conformance/fixture.ts";
import { createSequencer } from "../../ledger/embedded/sequencer.ts";
import { openLevelStore } from "../../ledger/embedded/store.ts";
import { createTlsIdentity } from "../config/tls-certificate.ts";
import { createAuthenticate } from "../dataspace/authenticate.ts";
import { createOwnCatalog } from "../dataspace/own-catalog.ts";
import { createProcesses } from "../dataspace/processes.ts";
import { addDataspaceRoutes } from "../http/dataspace/dataspace-routes.ts";
import { createParticipantLimits } from "../http/dataspace/participant-limits.ts";
import { createPeerApp } from "../http/peer-app.ts";
import { createMemberDirectory } from "../peer/member-directory.ts";
import { createCatalogue } from "../runtime/assets/catalogue.ts";
import { systemEffects } from "../runtime/effects.ts";
import { createMetrics } from "../runtime/metrics.ts";
import { openAccessLog } from "../store/access-log.ts";
import { openDatabase } from "../store/database.ts";
import { type Kept, openRecords } from "../store/records.ts";
import { openTexts } from "../store/texts.ts";
import { provider } from "./catalog-assets.ts";
import type { Collected } from "./catalog-served.ts";

const [folder = ""] = process.argv.slice(2);
const { id: member, identity } = provider();
const { now, random } = systemEffects;
const database = await openDatabase(folder);
const openStore = <V>(name: string, kept?: Kept) => openRecords<V>(database, name, undefined, kept);
const { ledger } = await createSequencer({
  ...{ store: await openLevelStore(join(folder, "ledger")), network: NETWORK, identity, now: () => Date.now() },
});
const log = pino({ level: "silent" });
const members = createMemberDirectory(ledger);
const catalogue = createCatalogue(
  {
    ...{ identity, member, ledger, members, log, now, openStore },
    openTexts: (name) => openTexts(database, name, () => undefined),
    peers: { call: () => Promise.reject(new Error("nobody is asked")) } as never,
  },
  () => ({ list: async () => [] }) as never,
);
const building = performance.now();
await catalogue.offers.catchUp();
const buildMs = performance.now() - building;

const many = 1_000_000;
const limits = {
  peerRequestsPerMinutePerMember: many,
  peerRequestsPerMinutePerAddress: many,
  peerCallsAtOncePerMember: 1_000,
  peerBodyBytes: 1 << 20,
  requestTimeoutMs: 30_000,
};
const quiet = {
  now,
  post: async () => ({ kind: "passing" as const, code: "nobody", doubtful: false }),
  ask: async () => undefined,
  admits: async () => ({ code: "nothing", detail: "only the catalogue is measured" }),
  next: async () => undefined,
  onError: () => undefined,
};
const serial = random(16);
const tls = await createTlsIdentity({ member, endpoint: undefined, now: now(), serial });
const { app } = await createPeerApp(
  {
    ...{ network: NETWORK, member, members, now, ahead: openStore<string>("requests-ahead"), tls, logger: log },
    ...{ config: () => ({ limits }) as never, metrics: createMetrics(), assertWritable: () => undefined },
    accessLog: await openAccessLog(folder, now),
  },
  (peer) =>
    addDataspaceRoutes(peer, {
      authenticate: createAuthenticate({
        ...{ publicKey: members.publicKey, audience: member, now, ahead: openStore<string>("dsp-tokens-ahead") },
      }),
      countRefusal: () => undefined,
      limits: createParticipantLimits(peer, {
        requestsPerMinute: () => limits.peerRequestsPerMinutePerMember,
        callsAtOnce: () => limits.peerCallsAtOncePerMember,
        bodyBytes: () => limits.peerBodyBytes,
      }),
      catalog: {
        participant: member,
        service: {
          "@id": serviceId(member),
          "@type": "DataService",
          endpointURL: `https://127.0.0.1${DATASPACE_PATH}`,
        },
        ...createOwnCatalog(catalogue.offers, members),
      },
      negotiations: createProcesses<never, never>({
        ...{ ...quiet, protocol: negotiationProtocol as never, records: openStore("n"), open: openStore("n-open") },
      }) as never,
      transfers: createProcesses<never, never>({
        ...{ ...quiet, protocol: transferProtocol as never, records: openStore("t"), open: openStore("t-open") },
      }) as never,
    }),
);
await app.listen({ host: "127.0.0.1", port: 0 });
const { port } = app.server.address() as AddressInfo;

const usage = () => {
  globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  return { cpuMs: (user + system) / 1000, rssBytes: rss, peakBytes, heldBytes: heapUsed + external };
};

process.on("message", (asked: "usage" | "close") => {
  if (asked === "usage") return void process.send?.({ usage: usage() } satisfies Collected);
  catalogue.close();
  void app
    .close()
    .then(() => ledger.close())
    .then(() => database.close())
    .finally(() => process.exit(0));
});
process.once("disconnect", () => process.exit(0));
process.send?.({ ready: { port, pin: tls.pin, buildMs } } satisfies Collected);
