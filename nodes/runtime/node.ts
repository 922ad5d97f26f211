/** The composition root: opens what a node is made of, by hand and in order, and closes it in reverse. */

import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import { readNetwork } from "../../chaincode/rules/keys.ts";
import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import type { SuiteId } from "../../crypto/suites/suite.ts";
import type { Ledger } from "../../ledger/port.ts";
import { readApiToken } from "../config/api-token.ts";
import { loadConfig, type NodeConfig } from "../config/node-config.ts";
import { readKeys } from "../config/node-keys.ts";
import { createNodeCrawler } from "../dataspace/crawler/node-crawler.ts";
import { createApiApp } from "../http/api-app.ts";
import { addApiRoutes } from "../http/api-routes.ts";
import { closeGently, type HttpApp } from "../http/http-app.ts";
import { createPeerApp } from "../http/peer-app.ts";
import type { RouteFacts } from "../http/route-facts.ts";
import { createPeerClient, type ObservedMessage } from "../peer/client.ts";
import { createCosignedNotes } from "../peer/cosigned-notes.ts";
import { createMemberDirectory } from "../peer/member-directory.ts";
import { addPeerRoutes } from "../peer/peer-routes.ts";
import { openAccessLog } from "../store/access-log.ts";
import { openBlobs } from "../store/blobs.ts";
import { openDatabase } from "../store/database.ts";
import { openInflight } from "../store/inflight.ts";
import { type Kept, openRecords } from "../store/records.ts";
import { openTexts } from "../store/texts.ts";
import { startAccessAnchor } from "./access-anchor.ts";
import { createCatalogue } from "./assets/catalogue.ts";
import { missingAssets } from "./assets/missing-assets.ts";
import { createOwnAssets, type OwnAssets } from "./assets/own-assets.ts";
import { createRequestSigner, readNextIdentity, settleNextKeys } from "./current-keys.ts";
import { openDiskGuard } from "./disk-guard.ts";
import { type Effects, systemEffects } from "./effects.ts";
import { readNodeFabric } from "./fabric-client.ts";
import { addFeatureRoutes } from "./feature-routes.ts";
import { createFeatures } from "./features.ts";
import { createMetrics } from "./metrics.ts";
import { NetworkError } from "./network/network-error.ts";
import { readNetworkFile } from "./network/network-file.ts";
import { openLedger } from "./open-ledger.ts";
import { reloadConfig } from "./reload.ts";
import { type Rotation, rotateKeys } from "./rotate-key.ts";
import type { NodeServices } from "./services.ts";
import { createTeardown } from "./teardown.ts";

const LISTING_MS = 3_000;
const ROTATION_MS = 3_000;
const RESUME_MS = 5_000;

export interface NodeOptions {
  /** Node folder made by `initNode`, in a network by `foundNetwork` or `joinNetwork`. */
  readonly dir: string;
  /** Opens the private keys, where they are sealed. */
  readonly passphrase?: string;
  /** Default: the system's clock and generator. */
  readonly effects?: Effects;
  /** Overrides `log.level`; tests pass "silent". */
  readonly logLevel?: string;
  /** Sees every peer message this node sends and gets as a caller, bodies included. */
  readonly observe?: (message: ObservedMessage) => void;
}

export interface RunningNode {
  readonly services: NodeServices;
  /** Addresses it listens on; `peer` is undefined for a node that only connects outward. */
  readonly address: { readonly api: string; readonly peer: string | undefined };
  /** Every route it serves; `peer` is empty for a node that only connects outward. */
  readonly routes: { readonly api: readonly RouteFacts[]; readonly peer: readonly RouteFacts[] };
  /** Bearer token of the management interface. */
  readonly token: string;
  /** Reloads limits, sources and log level. Returns keys whose change needs a restart. */
  readonly reload: () => Promise<readonly string[]>;
  /** Resolves when a write had failed and there is room again: stop and start the node, so that its stores open anew. */
  readonly mustRestart: Promise<void>;
  /** Records new keys on the ledger; stop and start the node right after. */
  readonly rotateKeys: (suite?: SuiteId) => Promise<Rotation>;
  /** Rejects when this node cannot go on, because the ledger replaced its key; stop it then. Pending otherwise. */
  readonly fault: Promise<never>;
  /** Graceful: finishes running calls, stops features, closes stores. Idempotent. */
  readonly stop: () => Promise<void>;
}

/** Starts the node. Throws ConfigError, StoreError, NetworkError or LedgerError; nothing stays open then. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  for (;;) {
    const teardown = createTeardown();
    try {
      const node = await compose(options, teardown);
      if (node !== "restart") return node;
    } catch (error) {
      await teardown.run().catch(() => undefined);
      throw error;
    }
  }
}

/** `restart`: an unfinished key rotation was settled; everything is closed and opens again under the new keys. */
async function compose(
  options: NodeOptions,
  teardown: ReturnType<typeof createTeardown>,
): Promise<RunningNode | "restart"> {
  const { dir, effects = systemEffects } = options;
  let config = await loadConfig(dir);
  const member = config.member.id;
  // stdout belongs to the command that runs the node.
  const log = pino({ level: options.logLevel ?? config.log.level, base: { member } }, pino.destination(2));

  const pinned = await readNetworkFile(dir);
  if (pinned === undefined) {
    throw new NetworkError("ERR_NETWORK_NONE", `${dir}: in no network; run "sealane network found" or "network join"`);
  }
  // First of all that is opened: its lock keeps a second process out of the folder.
  const database = await openDatabase(dir);
  teardown.add(() => database.close());
  const next = await readNextIdentity(dir, member, options.passphrase);
  const keys = await readKeys(dir, "current", member, options.passphrase);
  const signer = createRequestSigner(keys.identity, next);
  const token = await readApiToken(dir);
  const restart = Promise.withResolvers<void>();
  const disk = await openDiskGuard({
    dir,
    minimumFreeMiB: () => config.limits.minimumFreeDiskMiB,
    onRepaired: restart.resolve,
    onChange: (state) => log.warn(state, state.readOnly ? "disk full: reading only" : "disk has room: writing again"),
  });
  teardown.add(async () => disk.close());
  const accessLog = await openAccessLog(dir, effects.now, disk.failed);
  teardown.add(() => accessLog.close());

  const peers = createPeerClient({
    ...effects,
    identity: signer.identity,
    onUnknownKey: signer.refused,
    network: pinned.network,
    ...(options.observe === undefined ? {} : { observe: options.observe }),
  });
  teardown.add(() => peers.close());
  const fault = Promise.withResolvers<never>();
  fault.promise.catch(() => undefined);
  let replica: Ledger | undefined;
  const opened = await openLedger({
    dir,
    pinned,
    fabric: await readNodeFabric(dir, config),
    identity: keys.identity,
    peers,
    sequencer: async () => {
      const sequencer = replica && (await readNetwork(replica))?.sequencer;
      return sequencer === undefined ? pinned.sequencer : await createMemberDirectory(replica!).target(sequencer);
    },
    pollMs: config.limits.longPollMs,
    now: effects.now,
    log,
    onFailedWrite: disk.failed,
    onKeyReplaced: () => {
      // With next keys at hand this is a rotation under way, which settles by itself.
      if (next !== undefined) return;
      fault.reject(new NetworkError("ERR_NETWORK_KEY_REPLACED", `key ${keys.identity.key} was replaced`));
    },
  });
  const { ledger } = opened;
  replica = ledger;
  teardown.add(() => ledger.close());
  if (next !== undefined && (await settledRotation(dir, next, ledger)) !== "unknown") {
    await teardown.run();
    return "restart";
  }

  const core = {
    ...effects,
    dir,
    network: pinned.network,
    member,
    identity: keys.identity,
    config: () => config,
    pinned,
    ledger,
    members: createMemberDirectory(ledger),
    peers,
    cosignedNotes: createCosignedNotes(),
    openStore: <V>(name: string, kept?: Kept) => openRecords<V>(database, name, disk.failed, kept),
    openBlobs: (name: string) => openBlobs(dir, name),
    openTexts: (name: string) => openTexts(database, name, disk.failed),
    inflight: openInflight(dir),
    accessLog,
    log,
    assertWritable: disk.assertWritable,
  };
  const assets: OwnAssets = createOwnAssets(core, (asset) =>
    // A change is listed at once where the operator answers, and in the background where it does not.
    Promise.race([catalogue.publish(asset), sleep(LISTING_MS, undefined, { ref: false })]),
  );
  const catalogue = createCatalogue(core, () => assets);
  teardown.add(async () => catalogue.close());
  const crawler = createNodeCrawler(core, catalogue);
  teardown.add(crawler.stop);
  const services: NodeServices = Object.freeze({ ...core, assets, catalogue, crawler });
  const metrics = createMetrics();
  const startedAt = effects.now();
  metrics.gauge("sealane_ledger_height", "Acknowledged records", async () => (await ledger.status()).height);
  metrics.gauge("sealane_ledger_outbox", "Transactions waiting", async () => (await ledger.status()).outbox);
  metrics.gauge("sealane_access_log_entries", "Entries of the access log", () => accessLog.size());
  metrics.gauge("sealane_read_only", "1 while the disk is full", () => Number(disk.state().readOnly));

  const features = createFeatures(services);
  /** Until they are registered anew. */
  const missing = new Set<string>();
  const watched = assets.watch((asset) => missing.delete(asset));
  teardown.add(async () => watched());
  let isStarted = false;
  const guards = { accessLog, assertWritable: disk.assertWritable, metrics, config: services.config, logger: log };
  const api = await createApiApp({ ...guards, member, token }, (app) => {
    const troubles = () => [
      ...features.flatMap((feature) => feature.troubles?.() ?? []),
      ...(missing.size > 0 ? (["assets-missing"] as const) : []),
    ];
    addApiRoutes(app, { services, metrics, disk, startedAt, troubles });
    for (const feature of features) feature.apiRoutes?.(app);
  });
  teardown.add(() => closeGently(api.app, api.running));
  const peer =
    config.peer === undefined
      ? undefined
      : await createPeerApp(
          {
            ...guards,
            network: pinned.network,
            member,
            members: services.members,
            now: effects.now,
            ahead: services.openStore<string>("requests-ahead"),
            tls: keys.tls,
          },
          (app) => {
            addPeerRoutes(app, { services, sequencer: opened.sequencer });
            addFeatureRoutes(app, features, () => isStarted);
          },
        );
  if (peer !== undefined) teardown.add(() => closeGently(peer.app, peer.running));

  const address = {
    peer: config.peer && peer ? await listen(peer.app, "https", config.peer) : undefined,
    api: await listen(api.app, "http", config.api),
  };
  const closing = new AbortController();
  teardown.add(async () => closing.abort());
  void resumeAssets(services, closing.signal)
    .then(() => noteMissing(services, missing, closing.signal))
    .catch((error: unknown) => log.warn({ err: error }, "assets: not compared with the ledger"));
  await crawler.start();
  for (const feature of features) {
    if (feature.stop !== undefined) teardown.add(feature.stop);
    await feature.start?.();
  }
  isStarted = true;
  const anchor = startAccessAnchor(services);
  teardown.add(anchor.stop);
  log.info({ address }, "node started");

  return Object.freeze({
    services,
    address,
    routes: { api: api.app.routeFacts, peer: peer?.app.routeFacts ?? [] },
    token,
    reload: () =>
      reloadConfig({
        dir,
        current: config,
        apply: (next: NodeConfig) => {
          config = next;
          log.level = options.logLevel ?? next.log.level;
        },
        log,
      }),
    rotateKeys: (suite?: SuiteId) =>
      rotateKeys(services, {
        tls: keys.tls,
        passphrase: options.passphrase,
        onNext: signer.offerNext,
        ...(suite === undefined ? {} : { suite }),
      }),
    fault: fault.promise,
    mustRestart: restart.promise,
    stop: () => teardown.run(),
  });
}

/** In the background, because a node must start although the sequencer is away. */
async function resumeAssets(services: NodeServices, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await services.assets.resume();
      return await services.catalogue.publish();
    } catch (error) {
      if (signal.aborted) return;
      services.log.warn({ err: error }, "assets: a registration is not finished yet; trying again");
      await sleep(RESUME_MS, undefined, { ref: false, signal }).catch(() => undefined);
    }
  }
}

async function noteMissing(services: NodeServices, missing: Set<string>, signal: AbortSignal): Promise<void> {
  const { assets, ledger, member, log } = services;
  const found = await missingAssets(ledger, member, async (asset) => (await assets.find(asset)) !== undefined);
  if (found.length === 0 || signal.aborted) return;
  for (const asset of found) missing.add(asset);
  log.error(
    { assets: found },
    "assets: registered on the ledger and not in this store, so they answer nobody; was store/ lost or restored from an old copy? Restore a backup, or register them anew",
  );
}

/** The replica may still be behind the record of the rotation. */
async function settledRotation(dir: string, next: SigningIdentity, ledger: Ledger) {
  const until = Date.now() + ROTATION_MS;
  for (;;) {
    const outcome = await settleNextKeys(dir, next, ledger);
    if (outcome !== "unknown" || Date.now() > until) return outcome;
    await sleep(50);
  }
}

async function listen(app: HttpApp, scheme: string, on: { host: string; port: number }): Promise<string> {
  await app.listen({ host: on.host, port: on.port });
  const { port } = app.server.address() as AddressInfo;
  const host = on.host.includes(":") ? `[${on.host}]` : on.host;
  return `${scheme}://${host}:${port}`;
}
