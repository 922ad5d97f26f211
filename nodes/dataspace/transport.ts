/** Calls of the Dataspace Protocol between members of the ledger, whichever of them takes calls. */
import { readNetwork } from "../../chaincode/rules/keys.ts";
import { DATASPACE_PATH, joined } from "../../exchange/protocol/paths.ts";
import { PeerError } from "../peer/peer-error.ts";
import type { NodeServices } from "../runtime/services.ts";
import { createDataspaceClient, type DataspaceClient } from "./client.ts";
import { type Connections, sharedConnections } from "./connections.ts";
import { participantToken } from "./participant-token.ts";
import { createPostOffice, type PostOffice, type PostOfficePorts, unreachableBase } from "./post-office.ts";
import { createShelf } from "./shelf.ts";

/** Letters of one page, and what surrounds them. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;
/** In an answer to a caller that takes no calls: what this side says next. */
export const ALONG = "sealane:waiting";

export interface Transport {
  readonly client: DataspaceClient;
  readonly connections: Connections;
  readonly office: PostOffice;
  /** Base address of this member, or the name that stands for one. */
  readonly base: string;
  /** Base address of another member, or the name that stands for one. */
  addressOf(member: string): Promise<string>;
}

type Services = Pick<
  NodeServices,
  "config" | "identity" | "ledger" | "log" | "member" | "members" | "network" | "now" | "peers" | "random"
>;

export function createTransport(services: Services, dispatch: PostOfficePorts["dispatch"]): Transport {
  const { identity, ledger, log, member, members, network, now, peers } = services;
  const connections = sharedConnections(members, peers.pool);
  const client = createDataspaceClient({
    dispatcher: connections.to,
    authorize: ({ peer: audience, method, url, body }) => {
      const { pathname, search } = new URL(url);
      return participantToken(identity, { audience, method, target: `${pathname}${search}`, body }, services);
    },
    observe: peers.observe,
  });
  const baseOf = async (id: string): Promise<string | undefined> => {
    const endpoint = (await members.find(id))?.record.endpoint;
    return endpoint === undefined ? undefined : joined(endpoint, DATASPACE_PATH.slice(1));
  };

  const office: PostOffice = createPostOffice({
    member,
    network,
    identity,
    now,
    shelf: createShelf(() => Date.parse(now())),
    publicKey: members.publicKey,
    baseOf,
    operator: async () => (await readNetwork(ledger))?.operator ?? member,
    dispatch,
    async post(peer, url, body, signal) {
      const delivery = await client.post(peer, url, body, signal, MAX_PAGE_BYTES);
      const along = delivery.kind === "taken" ? (delivery.answer as { [ALONG]?: unknown } | undefined)?.[ALONG] : [];
      if (Array.isArray(along)) await office.takeIn(along);
      return delivery;
    },
    async fetch(place, letters, waitMs) {
      const base = await baseOf(place);
      const signal = new AbortController().signal;
      const answer =
        base && (await client.post(place, joined(base, "waiting"), { letters, waitMs }, signal, MAX_PAGE_BYTES));
      if (answer === undefined || answer === "" || answer.kind !== "taken") {
        const code = typeof answer === "object" ? answer.code : "no-endpoint";
        const isRefused = typeof answer === "object" && answer.kind === "refused";
        const about = isRefused ? "ERR_PEER_REFUSED" : "ERR_PEER_UNREACHABLE";
        throw new PeerError(about, `${place}: what waits there could not be fetched: ${code}`);
      }
      const { letters: found } = (answer.answer ?? {}) as { letters?: unknown };
      return Array.isArray(found) ? found : [];
    },
    onError: (error) => log.debug({ err: error }, "dataspace: what waits elsewhere could not be fetched; trying again"),
  });
  const { peer } = services.config();
  return Object.freeze({
    client,
    connections,
    office,
    base: peer === undefined ? unreachableBase(member) : joined(peer.endpoint, DATASPACE_PATH.slice(1)),
    addressOf: async (id: string) => (await baseOf(id)) ?? unreachableBase(id),
  });
}
