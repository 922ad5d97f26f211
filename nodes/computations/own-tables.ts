/** This node's own tables for computations: opened when first needed, read only while they are what was registered. */
import type { AssetRecord } from "../../exchange/catalog/register.ts";
import type { OwnAsset } from "../../exchange/requests/decide-request.ts";
import type { Source } from "../../exchange/statistics/source.ts";
import type { NodeServices } from "../runtime/services.ts";
import type { SourceDescription } from "../sources/description.ts";
import { SourceError } from "../sources/errors.ts";
import type { OpenedSource } from "../sources/open.ts";

export interface OwnTables {
  /** Undefined for assets of others and withdrawn ones. */
  get(id: string): Promise<OwnAsset | undefined>;
  /** As the source's `read`; throws when its bytes are not those of the registered version. */
  read(id: string, ...query: Parameters<Source["read"]>): ReturnType<Source["read"]>;
  close(): Promise<void>;
}

/** A sandboxed engine takes a while to start, so it waits this long for the next question. */
const IDLE_MS = 30_000;

interface Opened {
  readonly version: number;
  readonly source: Promise<OpenedSource>;
  /** Selects in progress. */
  busy: number;
  idle: NodeJS.Timeout | undefined;
}

export function createOwnTables(services: Pick<NodeServices, "assets" | "openStore">): OwnTables {
  const records = services.openStore<AssetRecord<SourceDescription>>("assets");
  const opened = new Map<string, Opened>();

  async function drop(id: string, entry: Opened): Promise<void> {
    clearTimeout(entry.idle);
    if (opened.get(id) === entry) opened.delete(id);
    await entry.source.then((source) => source.close()).catch(() => undefined);
  }

  /** A file that was only touched holds the same bytes: it is opened again, and its bytes are compared then. */
  async function isUsable(entry: Opened, version: number): Promise<boolean> {
    if (entry.version !== version) return false;
    return entry.busy > 0 || (await entry.source.then((source) => source.isUntouched()).catch(() => false));
  }

  async function sourceOf(id: string, version: number): Promise<Opened> {
    const existing = opened.get(id);
    if (existing !== undefined && (await isUsable(existing, version))) return existing;
    // Another question may have opened it meanwhile.
    const newer = opened.get(id);
    if (newer !== undefined && newer !== existing) return newer;
    if (existing !== undefined) await drop(id, existing);
    const entry: Opened = { version, source: services.assets.open(id), busy: 0, idle: undefined };
    opened.set(id, entry);
    return entry;
  }

  return Object.freeze({
    async get(id: string) {
      const found = await services.assets.find(id);
      return found?.state === "registered" ? { asset: found.asset, policy: found.policy } : undefined;
    },
    async read(id: string, ...query: Parameters<Source["read"]>) {
      const record = await records.get(id);
      if (record === undefined) throw new TypeError(`${id}: not registered on this node`);
      const entry = await sourceOf(id, record.asset.version);
      clearTimeout(entry.idle);
      entry.busy += 1;
      try {
        const source = await entry.source;
        if (record.fingerprint !== (await source.fingerprint())) {
          const message = `${id}: the source has changed since registration; register it as a new version`;
          throw new SourceError("ERR_SOURCE_CHANGED", message);
        }
        return await source.read(...query);
      } catch (error) {
        await drop(id, entry);
        throw error;
      } finally {
        entry.busy -= 1;
        if (entry.busy === 0 && opened.get(id) === entry) {
          entry.idle = setTimeout(() => void drop(id, entry), IDLE_MS);
          entry.idle.unref();
        }
      }
    },
    async close() {
      await Promise.all([...opened].map(([id, entry]) => drop(id, entry)));
    },
  });
}
