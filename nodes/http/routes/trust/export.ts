import { TrustFile } from "../../../../ledger/audit/trust.ts";
import { exportTrust } from "../../../runtime/network/trust.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { problems } from "../../schemas.ts";

export function showTrust(app: HttpApp, deps: Pick<NodeServices, "ledger" | "network">): void {
  app.get(
    "/api/v1/trust",
    { schema: { summary: "What an auditor pins before reading evidence", response: { 200: TrustFile, ...problems } } },
    () => exportTrust(deps),
  );
}
