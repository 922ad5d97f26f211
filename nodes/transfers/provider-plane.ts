/** The provider's side of records: what leaves, under which limits, to whoever fetches or is sent it. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { createOwnTables } from "../computations/own-tables.ts";
import type { Connections } from "../dataspace/connections.ts";
import { agreementUuid, type KeptAgreement } from "./agreements.ts";
import { createDeliveries } from "./deliveries.ts";
import { permission } from "./gate.ts";
import { createOutbound } from "./outbound.ts";
import { isStarted, type PlaneParts } from "./plane-parts.ts";
import { createProviderTransfers } from "./provider-transfers.ts";
import type { PullClient } from "./pull-client.ts";
import { createPushes, type PushRecord } from "./pushes.ts";
import { createSnapshots, type SnapshotRecord } from "./snapshots.ts";
import { createUsage, type DeliveryRecord, type UseCounter } from "./usage.ts";
import { isHolding } from "./wishes.ts";

export interface ProviderPlaneDeps extends PlaneParts {
  /** A delivery under this agreement is over. */
  readonly onClosed: (agreement: string) => void;
  readonly connections: Connections;
  /** The consumer's own inbox gives its next token as a provider gives its. */
  readonly pulls: Pick<PullClient, "isFresh" | "renew">;
}

export function createProviderPlane(deps: ProviderPlaneDeps) {
  const { services, endpoints, agreements, wishes, wish, transfers, pulls, connections } = deps;
  const { members, openStore, log, now, ledger } = services;
  const { endpointOf } = endpoints;
  const pushed = openStore<true>("transfers-pushed");
  const pushing = openStore<PushRecord>("transfers-pushing");
  const pseudonymKeys = openStore<string>("release-pseudonym-keys");
  // One thread, so that the same table is the same bytes: a version that was erased can be written again.
  const open = (asset: string) => services.assets.open(asset, 1);
  const tables = createOwnTables({ openStore, assets: { ...services.assets, open } });
  const usage = createUsage({
    counters: openStore<UseCounter>("release-uses"),
    deliveries: openStore<DeliveryRecord>("release-deliveries"),
    now,
  });
  const snapshots = createSnapshots({
    folder: join(services.dir, "released"),
    tables,
    records: openStore<SnapshotRecord>("release-snapshots"),
    async pseudonymKey(id) {
      const kept = await pseudonymKeys.get(id);
      if (kept !== undefined) return fromBase64url(kept, "release-pseudonym-keys");
      const key = services.random(32);
      await pseudonymKeys.put(id, toBase64url(key));
      return key;
    },
    assertWritable: services.assertWritable,
  });
  const may = (agreement: KeptAgreement["agreement"], format: string | undefined) =>
    permission({ ledger, members, now, assets: services.assets }, agreement, format);
  const deliver = createDeliveries({
    agreement: (id) => agreements.get(agreementUuid(id)),
    async transfer(pid) {
      const kept = await transfers().find(pid);
      const document = kept?.side.document;
      if (kept === undefined || document === undefined || kept.side.role !== "provider") return undefined;
      return { peer: kept.peer, document: isStarted(kept.side) ? { ...document, state: "STARTED" } : document };
    },
    isHeld: async (pid) => isHolding(await wishes.get(pid)),
    permission: may,
    snapshots,
    usage,
    newId: randomUUID,
    now,
    onClosed: deps.onClosed,
    async onSent({ holder, transfer, delivery, from, to, bytes }) {
      await services.accessLog.append({
        actor: holder,
        action: "transfer sent",
        target: `${transfer} ${delivery}`,
        outcome: `bytes ${from}-${to}/${bytes}`,
      });
    },
  });
  const outbound = createOutbound({ endpoint: endpointOf, pinned: connections.to });
  const pushes = createPushes({
    records: pushing,
    pushed,
    async running(pid) {
      const kept = await transfers().find(pid);
      const document = kept?.side.document;
      if (kept === undefined || document?.state !== "STARTED" || isHolding(await wishes.get(pid))) return undefined;
      return { peer: kept.peer, document };
    },
    isHeld: wishes.isHeld,
    /** Only at the consumer's own address: its token is nobody else's to renew. */
    async fresh(peer, pid, address, signal) {
      const { refresh } = address;
      const own = await endpointOf(peer);
      const isOwn = refresh !== undefined && own !== undefined && new URL(refresh).origin === new URL(own).origin;
      return pulls.isFresh(address) || !isOwn ? address : await pulls.renew(peer, pid, address, signal);
    },
    outbound,
    deliver,
    now,
    onPushed: (pid) => transfers().poke(pid),
    async end(pid, cause) {
      await wish(pid, { become: "TERMINATED", cause });
    },
    onError: (pid, error) => log.warn({ err: error, pid }, "transfer: not sent yet; trying again"),
  });

  const provider = createProviderTransfers({
    ledger,
    agreements,
    takesCalls: endpoints.takesCalls,
    permission: may,
    address: endpoints.dataAddress,
    endpointOf,
    pushed,
    sendSoon: pushes.poke,
  });

  return Object.freeze({
    ...{ deliver, usage, snapshots, pushed, pushing },
    permission: may,
    admits: provider.admits,
    start: provider.start,
    next: provider.next,
    async stop(): Promise<void> {
      await Promise.all([pushes.stop(), outbound.close(), tables.close()]);
    },
  });
}
