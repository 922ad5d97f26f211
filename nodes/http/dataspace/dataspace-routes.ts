/** The HTTPS binding of the Dataspace Protocol 2025-1: catalogue, negotiations and transfers, in both roles. */
import { versionDocument } from "../../../exchange/catalog/dcat.ts";
import type { NegotiationMessage } from "../../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../../exchange/negotiation/negotiation.ts";
import { negotiationProtocol } from "../../../exchange/negotiation/protocol.ts";
import { DATASPACE_PATH } from "../../../exchange/protocol/paths.ts";
import type { DataAddress, TransferMessage } from "../../../exchange/transfers/messages.ts";
import { transferProtocol } from "../../../exchange/transfers/protocol.ts";
import type { Transfer } from "../../../exchange/transfers/transfer.ts";
import type { Processes } from "../../dataspace/process-ports.ts";
import type { HttpApp } from "../http-app.ts";
import { addAddressRoute } from "./address-route.ts";
import { addCatalogRoutes, type CatalogPorts } from "./catalog-routes.ts";
import { type Authenticate, addParticipantAuth } from "./participant-auth.ts";
import type { ParticipantLimits } from "./participant-limits.ts";
import { addProcessRoutes } from "./process-routes.ts";
import { addWaitingRoutes, type WaitingPorts } from "./waiting-routes.ts";

export interface DataspaceRouteDeps {
  readonly authenticate: Authenticate;
  readonly countRefusal: (code: string) => void;
  readonly limits: ParticipantLimits;
  readonly catalog: CatalogPorts;
  readonly negotiations: Pick<Processes<Negotiation, NegotiationMessage>, "takeFirst" | "take" | "show">;
  readonly transfers: Pick<Processes<Transfer, TransferMessage>, "takeFirst" | "take" | "show">;
  /** Absent where every participant takes calls. */
  readonly waiting?: WaitingPorts;
  /** The next token for the data endpoint that this side serves in a transfer. Absent: it serves none. */
  readonly renewed?: (participant: string, pid: string) => Promise<DataAddress>;
}

export function addDataspaceRoutes(app: HttpApp, deps: DataspaceRouteDeps): void {
  app.get("/.well-known/dspace-version", { config: { public: true, accessLog: false } }, async () =>
    versionDocument(DATASPACE_PATH),
  );
  // Each in a scope of its own: its refusals have a form of their own.
  const scope = (add: (app: HttpApp) => void) =>
    app.register(
      async (scoped) => {
        addParticipantAuth(scoped as HttpApp, deps);
        add(scoped as HttpApp);
      },
      { prefix: DATASPACE_PATH },
    );
  scope((scoped) => addCatalogRoutes(scoped, deps.catalog));
  const { waiting } = deps;
  scope((scoped) => addProcessRoutes(scoped, negotiationProtocol, deps.negotiations, waiting?.office));
  scope((scoped) => {
    addProcessRoutes(scoped, transferProtocol, deps.transfers);
    const { renewed } = deps;
    if (renewed !== undefined) addAddressRoute(scoped, renewed);
  });
  if (waiting !== undefined) scope((scoped) => addWaitingRoutes(scoped, waiting));
}
