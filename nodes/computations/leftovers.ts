/**
 * In-flight files and chunks that no role will erase any more: the node died between the end of a role and its last
 * file, or the computation ended before this node's role in it began.
 */
import { readComputation } from "../../chaincode/rules/keys.ts";
import type { Context, RoleName } from "./context.ts";

const NAME = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-([a-z]+)$/;
const ROLE_OF: Readonly<Record<string, RoleName>> = {
  member: "member",
  layout: "member",
  coordinator: "coordinator",
  notes: "coordinator",
  receiver: "receiver",
  key: "receiver",
  review: "receiver",
};
export const OVER: readonly string[] = ["released", "withheld", "failed"];

type Part = Pick<Context, "services" | "stores">;

/** Of one computation, or of all. */
export async function eraseLeftovers({ services, stores }: Part, of?: string): Promise<void> {
  for (const name of await services.inflight.names()) {
    const [, computation, part] = NAME.exec(name) ?? [];
    if (computation === undefined || part === undefined || (of !== undefined && of !== computation)) continue;
    const role = ROLE_OF[part];
    if (role !== undefined && (await isOver({ services, stores }, computation, role))) {
      await services.inflight.erase(name);
    }
  }
}

/** Chunks of computations that are over. */
export async function eraseLeftoverChunks({ services, stores }: Part): Promise<void> {
  for (const computation of await stores.contributions.folders()) {
    if (await isOver({ services, stores }, computation, "coordinator")) {
      await stores.contributions.erase(computation);
    }
  }
}

/** A role that began says itself when it is over. */
async function isOver({ services, stores }: Part, computation: string, role: RoleName): Promise<boolean> {
  const known = await stores.roles.get(`${computation}/${role}`);
  if (known !== undefined) return known.state === "over";
  const state = await readComputation(services.ledger, computation);
  return state !== undefined && OVER.includes(state.state);
}
