import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { LedgerStatusView, problems } from "../../schemas.ts";

export function showLedgerStatus(app: HttpApp, deps: Pick<NodeServices, "ledger">): void {
  app.get(
    "/api/v1/ledger/status",
    { schema: { summary: "Height, root and reach of the ledger", response: { 200: LedgerStatusView, ...problems } } },
    () => deps.ledger.status(),
  );
}
