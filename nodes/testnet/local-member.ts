/** A member whose node runs on this machine: what a test or demonstration says of it, and the configuration it gets. */
import type { NodeConfig } from "../config/node-config.ts";
import { freePort, HOST } from "./free-port.ts";

export interface TestnetMember {
  readonly id: string;
  readonly kind: NodeConfig["member"]["kind"];
  readonly title?: NodeConfig["member"]["title"];
  /** Default: the id. */
  readonly organisation?: string;
  /** Default: the id. */
  readonly holdingGroup?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  /** Default true. */
  readonly cosigner?: boolean;
  /** Has a peer interface with an endpoint. Default: false for enterprises, true for the others. */
  readonly reachable?: boolean;
}

/** Where a member's node listens, and the port of its endpoint where something stands in between. */
export interface LocalPlace {
  readonly host: string;
  readonly port: number;
  readonly endpointPort: number;
}

export interface LocalMember {
  /** Contents of sealane.json. */
  readonly config: Record<string, unknown>;
  /** Absent: it has no peer interface. */
  readonly place: LocalPlace | undefined;
}

/** For a node on this machine, on ports that are free now. A fronted one listens elsewhere than its endpoint says. */
export async function localMember(member: TestnetMember, isFronted: boolean): Promise<LocalMember> {
  const { id, kind } = member;
  const reachable = member.reachable ?? kind !== "enterprise";
  const place = reachable ? await localPlace(isFronted) : undefined;
  const config = {
    member: {
      id,
      kind,
      title: member.title ?? { en: id },
      organisation: member.organisation ?? id,
      holdingGroup: member.holdingGroup ?? id,
      attributes: member.attributes ?? {},
      cosigner: member.cosigner ?? true,
    },
    api: { host: HOST, port: await freePort() },
    ...(place === undefined
      ? {}
      : { peer: { host: HOST, port: place.port, endpoint: `https://${HOST}:${place.endpointPort}` } }),
    limits: { minimumFreeDiskMiB: 1 },
  };
  return { config, place };
}

export const localConfig = async (member: TestnetMember): Promise<Record<string, unknown>> =>
  (await localMember(member, false)).config;

async function localPlace(isFronted: boolean): Promise<LocalPlace> {
  const port = await freePort();
  return { host: HOST, port, endpointPort: isFronted ? await freePort() : port };
}

/** Code tables of the registry attributes that these members carry. */
export function attributeTables(members: readonly TestnetMember[]): Record<string, string[]> {
  const tables: Record<string, string[]> = {};
  for (const { attributes } of members) {
    for (const [name, code] of Object.entries(attributes ?? {})) {
      tables[name] ??= [];
      if (!tables[name].includes(code)) tables[name].push(code);
    }
  }
  return tables;
}
