/** The crawler of a node: under its own tokens, to the endpoints and TLS keys of the ledger. */

import type { CrawledOffer } from "../../../exchange/catalog/crawled.ts";
import { CatalogError } from "../../../exchange/catalog/errors.ts";
import { AssetError } from "../../runtime/assets/asset-error.ts";
import type { Catalogue } from "../../runtime/assets/catalogue.ts";
import type { CoreServices } from "../../runtime/core-services.ts";
import { createConnections } from "../connections.ts";
import { participantToken } from "../participant-token.ts";
import { type CrawledMember, type Crawler, createCrawler } from "./crawler.ts";

type Deps = Pick<
  CoreServices,
  "alarm" | "identity" | "ledger" | "log" | "member" | "members" | "now" | "openStore" | "random"
>;

export function createNodeCrawler(services: Deps, catalogue: Pick<Catalogue, "accept">): Crawler {
  const { identity, log, members, openStore } = services;
  const connections = createConnections(members);
  const crawler = createCrawler({
    ...services,
    calls: {
      dispatcher: connections.to,
      authorize: ({ peer: audience, method, url, body }) => {
        const { pathname, search } = new URL(url);
        return participantToken(identity, { audience, method, target: `${pathname}${search}`, body }, services);
      },
    },
    async accept(entry, member) {
      try {
        await catalogue.accept(entry, member);
        return true;
      } catch (error) {
        if (error instanceof CatalogError || error instanceof AssetError) return false;
        throw error;
      }
    },
    states: openStore<CrawledMember>("crawled-members"),
    offers: openStore<CrawledOffer>("crawled-offers", "unless-power-fails"),
    onFailure: (member, error) => log.warn({ err: error, member }, "catalogue: a member's catalogue was not read"),
  });
  return Object.freeze({
    ...crawler,
    async stop() {
      await crawler.stop();
      await connections.close();
    },
  });
}
