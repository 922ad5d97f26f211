/** What a running node offers to its features and routes. Functions take the few members they need, by `Pick`. */
import type { Crawler } from "../dataspace/crawler/crawler.ts";
import type { HttpApp } from "../http/http-app.ts";
import type { Catalogue } from "./assets/catalogue.ts";
import type { OwnAssets } from "./assets/own-assets.ts";
import type { CoreServices } from "./core-services.ts";

export interface NodeServices extends CoreServices {
  /** This node's own tables and their policies. */
  readonly assets: OwnAssets;
  /** Published assets of all members, verified against the ledger. */
  readonly catalogue: Catalogue;
  /** What members' connectors offer beside their assets. */
  readonly crawler: Crawler;
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
  /** What does not work and is tried again: said by `/health`. */
  readonly troubles?: () => readonly FeatureTrouble[];
  readonly stop?: () => Promise<void>;
}

/**
 * `ledger-not-followed`: reading the ledger fails, so what it ends or begins is not heard of. `assets-missing`: the store
 * does not hold assets that are this member's by the ledger.
 */
export type FeatureTrouble = "ledger-not-followed" | "assets-missing";
