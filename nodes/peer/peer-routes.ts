/** Every route of the interface to other members. */
import type { SequencerApi } from "../../ledger/embedded/sequencer-api.ts";
import type { HttpApp } from "../http/http-app.ts";
import type { NodeServices } from "../runtime/services.ts";
import { createLedgerCalls } from "./ledger-calls.ts";
import { showApplication } from "./routes/applications/show.ts";
import { submitApplication } from "./routes/applications/submit.ts";
import { exchangeCatalogue } from "./routes/catalogue/exchange.ts";
import { openChannels } from "./routes/ledger/channel.ts";
import { replicateLedger } from "./routes/ledger/replicate.ts";

export interface PeerRouteDeps {
  readonly services: NodeServices;
  /** Present on the node that sequences. */
  readonly sequencer: SequencerApi | undefined;
}

export function addPeerRoutes(app: HttpApp, { services, sequencer }: PeerRouteDeps): void {
  submitApplication(app, services);
  showApplication(app, services);
  exchangeCatalogue(app, services);
  if (sequencer === undefined) return;
  const calls = createLedgerCalls({ sequencer, cosignedNotes: services.cosignedNotes });
  replicateLedger(app, calls);
  openChannels(app, calls, services);
}
