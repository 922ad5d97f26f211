import { Type } from "typebox";
import { Code, Count, closed, Instant, literals, MemberId, NodeKind } from "../../../../chaincode/rules/vocabulary.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { LedgerStatusView, problems } from "../../schemas.ts";

const Status = closed({
  member: MemberId,
  network: Code,
  kind: NodeKind,
  /** This member's state on the ledger. */
  membership: literals(["active", "suspended", "expelled", "unknown"]),
  time: Instant,
  startedAt: Instant,
  endpoint: Type.Optional(Type.String()),
  readOnly: Type.Boolean(),
  freeDiskMiB: Count,
  ledger: LedgerStatusView,
  accessLog: closed({ entries: Count, stopped: Type.Boolean() }),
});

export function showStatus(
  app: HttpApp,
  deps: Pick<NodeServices, "accessLog" | "config" | "ledger" | "member" | "members" | "network" | "now"> & {
    readonly startedAt: string;
    readonly disk: () => { readonly readOnly: boolean; readonly freeMiB: number };
  },
): void {
  app.get(
    "/api/v1/status",
    { schema: { summary: "This node: membership, ledger, disk, access log", response: { 200: Status, ...problems } } },
    async () => {
      const config = deps.config();
      const disk = deps.disk();
      return {
        member: deps.member,
        network: deps.network,
        kind: config.member.kind,
        membership: (await deps.members.find(deps.member))?.status ?? ("unknown" as const),
        time: deps.now(),
        startedAt: deps.startedAt,
        ...(config.peer === undefined ? {} : { endpoint: config.peer.endpoint }),
        readOnly: disk.readOnly,
        freeDiskMiB: disk.freeMiB,
        ledger: await deps.ledger.status(),
        accessLog: { entries: deps.accessLog.size(), stopped: deps.accessLog.stopped() },
      };
    },
  );
}
