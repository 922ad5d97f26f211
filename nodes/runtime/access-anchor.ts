/** Anchors the access log on the ledger in batches: the rate of calls does not depend on the ledger's. */
import { keys } from "../../chaincode/rules/keys.ts";
import type { AccessState } from "../../chaincode/rules/records.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { hashLeaf } from "../../crypto/suites/merkle.ts";
import { record } from "../../exchange/requests/record.ts";
import { appendLeaf, EMPTY_RANGE, rootOf } from "../../ledger/log/tree.ts";
import type { AccessEntry } from "../store/access-chain.ts";
import type { NodeServices } from "./services.ts";

/** Largest batch; what is left goes into the next one. */
const MAX_BATCH = 100_000;
const CHECK_MS = 1_000;

type Deps = Pick<NodeServices, "accessLog" | "identity" | "ledger" | "member" | "network">;

/** RFC 6962 root over the entries' digests. */
export const accessRoot = (entries: readonly Pick<AccessEntry, "digest">[]): string =>
  toBase64url(
    rootOf(
      entries.reduce(
        (range, { digest }) => appendLeaf(range, hashLeaf(fromBase64url(digest, "digest", 32))).range,
        EMPTY_RANGE,
      ),
    ),
  );

/** How many entries the ledger has. */
export const anchoredEntries = async (services: Pick<NodeServices, "ledger" | "member">): Promise<number> =>
  (await services.ledger.get<AccessState>(keys.access(services.member)))?.to ?? 0;

/** The ledger has more entries than this folder: it was restored from a backup older than the last batch. */
export const isBehindLedger = async (
  services: Pick<NodeServices, "accessLog" | "ledger" | "member">,
): Promise<boolean> => services.accessLog.size() < (await anchoredEntries(services));

/** Anchors everything that waits, up to one batch. Returns the number of entries anchored. */
export async function anchorAccess(services: Deps): Promise<number> {
  const from = await anchoredEntries(services);
  const to = Math.min(services.accessLog.size(), from + MAX_BATCH);
  if (to <= from) return 0;
  const body = { from, to, root: accessRoot(await services.accessLog.read(from, to)) };
  await record(services, "access.anchor", body, body);
  return to - from;
}

/** Runs until `stop`; a ledger that cannot be reached only delays the next batch. */
export function startAccessAnchor(services: Deps & Pick<NodeServices, "config" | "log" | "now">): {
  readonly stop: () => Promise<void>;
} {
  let running: Promise<unknown> = Promise.resolve();
  let busy = false;
  let said = false;
  let oldest: { readonly at: number; readonly time: string } | undefined;

  /** Of the first entry that waits: read once, and not every second from a file that grows. */
  async function waitingSince(from: number): Promise<number> {
    if (oldest?.at !== from) {
      const [entry] = await services.accessLog.read(from, from + 1);
      oldest = { at: from, time: entry?.time ?? services.now() };
    }
    return Date.parse(oldest.time);
  }

  function sayBehind(anchored: number, here: number): void {
    if (said) return;
    said = true;
    services.log.warn({ anchored, here }, "access log: shorter than on the ledger, as after a restore; see /health");
  }

  async function anchorWhenDue(): Promise<void> {
    const { anchorEntries, anchorIntervalMs } = services.config().accessLog;
    const from = await anchoredEntries(services);
    const waiting = services.accessLog.size() - from;
    if (waiting < 0) sayBehind(from, services.accessLog.size());
    if (waiting <= 0) return;
    const ageMs = Date.parse(services.now()) - (await waitingSince(from));
    if (waiting >= anchorEntries || ageMs >= anchorIntervalMs) await anchorAccess(services);
  }

  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    running = anchorWhenDue()
      .catch((error) => services.log.warn({ err: error }, "access log: not anchored now; trying again"))
      .finally(() => {
        busy = false;
      });
  }, CHECK_MS);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      // A submission that waits for the quorum may take long; the outbox finishes it after the next start.
      await Promise.race([running, new Promise((resolve) => setTimeout(resolve, CHECK_MS).unref())]);
    },
  };
}
