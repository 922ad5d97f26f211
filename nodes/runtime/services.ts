/** What a running node offers to its features and routes. Functions take the few members they need, by `Pick`. */
import type { FastifyBaseLogger } from "fastify";
import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import type { Ledger } from "../../ledger/port.ts";
import type { NodeConfig } from "../config/node-config.ts";
import type { HttpApp } from "../http/http-app.ts";
import type { PeerClient } from "../peer/client.ts";
import type { MemberDirectory } from "../peer/member-directory.ts";
import type { AccessLog } from "../store/access-log.ts";
import type { InflightSecrets } from "../store/inflight.ts";
import type { RecordStore } from "../store/records.ts";
import type { Catalogue } from "./assets/catalogue.ts";
import type { OwnAssets } from "./assets/own-assets.ts";
import type { Effects } from "./effects.ts";
import type { NetworkFile } from "./network/network-file.ts";

export interface NodeServices extends Effects {
  /** Node folder. */
  readonly dir: string;
  /** Network id. */
  readonly network: string;
  /** This member's id. */
  readonly member: string;
  readonly identity: SigningIdentity;
  /** The current configuration; `limits`, `sources` and `log` change on reload. */
  readonly config: () => NodeConfig;
  /** What was pinned at founding or joining. */
  readonly pinned: NetworkFile;
  readonly ledger: Ledger;
  readonly members: MemberDirectory;
  readonly peers: PeerClient;
  /** One purpose, one store: `services.openStore<Invitation>("invitations")`. Names are `[a-z-]+`, for ever. */
  readonly openStore: <V>(name: string) => RecordStore<V>;
  readonly inflight: InflightSecrets;
  readonly accessLog: AccessLog;
  /** This node's own tables and their policies. */
  readonly assets: OwnAssets;
  /** Published assets of all members, verified against the ledger. */
  readonly catalogue: Catalogue;
  readonly log: FastifyBaseLogger;
  /** Throws HttpError ERR_HTTP_READ_ONLY while the disk is full; call before work that ends in a write. */
  readonly assertWritable: () => void;
}

/**
 * A part of the node that brings its own routes and background work. `nodes/runtime/features.ts` lists them; routes
 * are added before the node listens, `start` runs after it listens, `stop` before anything it uses is closed.
 */
export interface Feature {
  /** Routes under `/api/v1`: bearer token, access log and rate limit are already in place. */
  readonly apiRoutes?: (app: HttpApp) => void;
  /** Routes under `/peer/v1`: signature, replay, membership and rate limit are already checked. */
  readonly peerRoutes?: (app: HttpApp) => void;
  readonly start?: () => Promise<void>;
  readonly stop?: () => Promise<void>;
}

export type CreateFeature = (services: NodeServices) => Feature;
