/** Every route of the management interface. */
import type { DiskGuard } from "../runtime/disk-guard.ts";
import type { Metrics } from "../runtime/metrics.ts";
import type { FeatureTrouble, NodeServices } from "../runtime/services.ts";
import type { HttpApp } from "./http-app.ts";
import { listAccess } from "./routes/access/list.ts";
import { listApplications } from "./routes/applications/list.ts";
import { refuseApplication } from "./routes/applications/refuse.ts";
import { listAssets } from "./routes/assets/list.ts";
import { showPrivacy } from "./routes/assets/privacy.ts";
import { registerAsset } from "./routes/assets/register.ts";
import { showAsset } from "./routes/assets/show.ts";
import { withdrawAsset } from "./routes/assets/withdraw.ts";
import { searchCatalogue } from "./routes/catalogue/search.ts";
import { showMetrics } from "./routes/health/metrics.ts";
import { showHealth } from "./routes/health/show.ts";
import { listEntries } from "./routes/ledger/entries.ts";
import { proveEntry } from "./routes/ledger/proof.ts";
import { showLedgerStatus } from "./routes/ledger/status.ts";
import { admitMember } from "./routes/members/admit.ts";
import { changeMembership } from "./routes/members/change.ts";
import { inviteMember } from "./routes/members/invite.ts";
import { listMembers } from "./routes/members/list.ts";
import { showMember } from "./routes/members/show.ts";
import { checkPolicy } from "./routes/policies/check.ts";
import { explainPolicy } from "./routes/policies/explain.ts";
import { setPolicy } from "./routes/policies/set.ts";
import { showPolicy } from "./routes/policies/show.ts";
import { showStatus } from "./routes/status/show.ts";
import { showTrust } from "./routes/trust/export.ts";

export interface ApiRouteDeps {
  readonly services: NodeServices;
  readonly metrics: Metrics;
  readonly disk: DiskGuard;
  readonly startedAt: string;
  /** Of the parts of the node. */
  readonly troubles: () => readonly FeatureTrouble[];
}

export function addApiRoutes(app: HttpApp, { services, metrics, disk, startedAt, troubles }: ApiRouteDeps): void {
  showHealth(app, { ...services, readOnly: () => disk.state().readOnly, troubles });
  showMetrics(app, { metrics });
  showStatus(app, { ...services, startedAt, disk: disk.state });
  listMembers(app, services);
  showMember(app, services);
  admitMember(app, services);
  changeMembership(app, services);
  inviteMember(app, services);
  listApplications(app, services);
  refuseApplication(app, services);
  showLedgerStatus(app, services);
  listEntries(app, services);
  proveEntry(app, services);
  listAccess(app, services);
  registerAsset(app, services);
  listAssets(app, services);
  showAsset(app, services);
  showPrivacy(app, services);
  withdrawAsset(app, services);
  setPolicy(app, services);
  showPolicy(app, services);
  checkPolicy(app);
  explainPolicy(app, services);
  searchCatalogue(app, services);
  showTrust(app, services);
}
