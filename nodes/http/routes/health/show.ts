import { Type } from "typebox";
import { closed, literals } from "../../../../chaincode/rules/vocabulary.ts";
import type { WaitingRecord } from "../../../../ledger/port.ts";
import { isBehindLedger } from "../../../runtime/access-anchor.ts";
import type { FeatureTrouble, NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";

/** `ok`: serves everything. `degraded`: reads, but something below needs care. `stopped`: refuses calls. */
const Health = closed({
  status: literals(["ok", "degraded", "stopped"]),
  reasons: Type.Array(
    literals([
      "disk-full",
      "access-log-stopped",
      "access-log-behind",
      "ledger-unreachable",
      "ledger-halted",
      "ledger-not-followed",
      "assets-missing",
      "outbox-waiting",
    ]),
  ),
});

export function showHealth(
  app: HttpApp,
  deps: Pick<NodeServices, "accessLog" | "ledger" | "member"> & {
    readonly readOnly: () => boolean;
    readonly troubles: () => readonly FeatureTrouble[];
  },
): void {
  app.get(
    "/health",
    {
      schema: { summary: "Whether this node can do its work", security: [], response: { 200: Health, 503: Health } },
      config: { public: true, accessLog: false },
    },
    async (_request, reply) => {
      const stopped = deps.accessLog.stopped();
      const ledger = await deps.ledger.status().catch(() => undefined);
      const reasons = [
        ...(deps.readOnly() ? (["disk-full"] as const) : []),
        ...(stopped ? (["access-log-stopped"] as const) : []),
        ...((await isBehindLedger(deps).catch(() => false)) ? (["access-log-behind"] as const) : []),
        ...(ledger?.reachable ? [] : (["ledger-unreachable"] as const)),
        ...(ledger?.halted === undefined ? [] : (["ledger-halted"] as const)),
        ...(isLong(ledger?.waiting) ? (["outbox-waiting"] as const) : []),
        ...new Set(deps.troubles()),
      ];
      if (stopped) return reply.code(503).send({ status: "stopped", reasons });
      return { status: reasons.length === 0 ? ("ok" as const) : ("degraded" as const), reasons };
    },
  );
}

/** What a restart of a peer or of the sequencer takes is no trouble. */
const LONG_MS = 60_000;
const isLong = (waiting: WaitingRecord | undefined): boolean =>
  waiting !== undefined && Date.now() - Date.parse(waiting.since) > LONG_MS;
