/** Where this node serves data and takes them, and where others do: addresses, and the tokens that open its own. */
import { DATASPACE_PATH, joined } from "../../exchange/protocol/paths.ts";
import { dataAddressOf } from "../../exchange/transfers/data-address.ts";
import type { DataAddress } from "../../exchange/transfers/messages.ts";
import type { NodeServices } from "../runtime/services.ts";
import { dataToken, type ReadToken, readDataToken } from "./data-token.ts";

export const DATA_PATH = `${DATASPACE_PATH}/data`;
export const INBOX_PATH = `${DATASPACE_PATH}/inbox`;

type Deps = Pick<NodeServices, "config" | "identity" | "members" | "now" | "random">;

export interface Endpoints {
  /** Others can fetch something here, and send something. */
  readonly takesCalls: boolean;
  /** A fresh address, with its token, of the data that this node serves, and of its inbox. */
  dataAddress(pid: string, agreement: string, holder: string): DataAddress;
  inboxAddress(pid: string, agreement: string, holder: string): DataAddress;
  readToken(token: string, path: string, pid: string): Promise<ReadToken | undefined>;
  /** As the ledger has it; undefined where this member takes no calls. */
  endpointOf(member: string): Promise<string | undefined>;
  /** Of another member's binding. Throws where it takes no calls. */
  baseOf(member: string): Promise<string>;
}

/** `base`: address of this node's binding. */
export function createEndpoints(deps: Deps, base: string): Endpoints {
  const { identity, members, now } = deps;
  const { endpoint = "" } = deps.config().peer ?? {};
  const urlOf = (path: string, pid: string) => joined(endpoint, path.slice(1), pid);
  const addressAt = (path: string) => (pid: string, agreement: string, holder: string) => {
    const url = urlOf(path, pid);
    const granted = dataToken(identity, url, { transfer: pid, agreement, holder }, deps);
    return dataAddressOf({ endpoint: url, ...granted, refresh: joined(base, "transfers", pid, "address") });
  };
  return Object.freeze({
    takesCalls: endpoint !== "",
    dataAddress: addressAt(DATA_PATH),
    inboxAddress: addressAt(INBOX_PATH),
    readToken: (token: string, path: string, pid: string) =>
      readDataToken(token, { endpoint: urlOf(path, pid), identity, now }),
    endpointOf: async (member: string) => (await members.find(member))?.record.endpoint,
    baseOf: async (member: string) => joined((await members.target(member)).endpoint, DATASPACE_PATH.slice(1)),
  });
}
