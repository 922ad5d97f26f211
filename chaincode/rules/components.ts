/** Components (knowledge, tools, applications) and their listings. */
import { demand, found } from "./errors.ts";
import { keys } from "./keys.ts";
import type { ComponentState, ComponentVersionState, ListingState } from "./records.ts";
import { type Author, type Rule, written } from "./rule.ts";

export const registerComponent: Rule<"component.register"> = async (host, author, body) => {
  const { component: id, version, type } = body;
  const known = (await host.store.get(keys.component(id))) as ComponentState | undefined;
  if (known !== undefined) {
    demandOwner(author, known.owner, "component");
    demand(
      known.type === type,
      "ERR_CONTRACT_MISMATCH",
      `type: ${id} is a ${known.type}, a version cannot change that`,
      "type",
    );
  }
  const key = keys.componentVersion(id, version);
  demand((await host.store.get(key)) === undefined, "ERR_CONTRACT_EXISTS", `version: ${version} exists`, "version");
  const component: ComponentState = { component: id, owner: author.id, type, ...written(host) };
  if (known === undefined) await host.store.put(keys.component(id), component);
  const registered: ComponentVersionState = { version: body, ...written(host) };
  await host.store.put(key, registered);
};

export const publishListing: Rule<"listing.publish"> = async (host, author, body) => {
  const component = (await host.store.get(keys.component(body.component))) as ComponentState | undefined;
  demandOwner(author, found(component, "component", "component").owner, "component");
  found(
    (await host.store.get(keys.componentVersion(body.component, body.version))) ?? undefined,
    "component version",
    "version",
  );
  const key = keys.listing(body.listing);
  demand((await host.store.get(key)) === undefined, "ERR_CONTRACT_EXISTS", "listing: exists", "listing");
  const listing: ListingState = { seller: author.id, listing: body, state: "published", ...written(host) };
  await host.store.put(key, listing);
};

export const withdrawListing: Rule<"listing.withdraw"> = async (host, author, { listing: id, reason }) => {
  const state = (await host.store.get(keys.listing(id))) as ListingState | undefined;
  const listing = found(state, "listing", "listing");
  demandOwner(author, listing.seller, "listing");
  demand(listing.state === "published", "ERR_CONTRACT_STATE", "listing: already withdrawn", "listing");
  await host.store.put(keys.listing(id), { ...listing, state: "withdrawn", reason });
};

function demandOwner(author: Author, owner: string, field: string): void {
  demand(
    owner === author.id,
    "ERR_CONTRACT_NOT_PERMITTED",
    `${field}: belongs to ${owner}, not to ${author.id}`,
    field,
  );
}
