/** This node's own tables for computations: opened for one SELECT, and only while they are what was registered. */
import type { AssetRecord } from "../../exchange/catalog/register.ts";
import type { OwnAsset } from "../../exchange/requests/decide-request.ts";
import type { SourceRow, SqlQuery } from "../../exchange/statistics/source.ts";
import type { NodeServices } from "../runtime/services.ts";
import type { SourceDescription } from "../sources/description.ts";

export interface OwnTables {
  /** Undefined for assets of others and withdrawn ones. */
  get(id: string): Promise<OwnAsset | undefined>;
  /** Throws when the bytes of the source are not those of the registered version. */
  select(id: string, query: SqlQuery): Promise<readonly SourceRow[]>;
}

export function createOwnTables(services: Pick<NodeServices, "assets" | "openStore">): OwnTables {
  const records = services.openStore<AssetRecord<SourceDescription>>("assets");
  return Object.freeze({
    async get(id: string) {
      const found = await services.assets.find(id);
      return found?.state === "registered" ? { asset: found.asset, policy: found.policy } : undefined;
    },
    async select(id: string, query: SqlQuery) {
      const record = await records.get(id);
      const source = await services.assets.open(id);
      try {
        if (record?.fingerprint !== (await source.fingerprint())) {
          throw new TypeError(`${id}: the source has changed since registration; register it as a new version`);
        }
        return await source.select(query);
      } finally {
        await source.close();
      }
    },
  });
}
