/** The provider's side of requests: decide on what names own assets, conclude agreements on what is permitted. */
import { Type } from "typebox";
import { type AgreePorts, decideAndAgree, negotiate, tellFinalized } from "../../exchange/requests/agree.ts";
import { agreementKey } from "../../exchange/requests/agreement-record.ts";
import { type KnownLife, undecidedAssets } from "../../exchange/requests/decide-request.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import { PeerError } from "../peer/peer-error.ts";
import type { Context } from "./context.ts";
import { ContractAgreementVerificationMessage, ContractNegotiation, paths } from "./peer-messages.ts";
import { standInFor } from "./relay.ts";

/** A decision waits no longer for the requester. */
const PROMPT_MS = 5_000;

export function providerPorts(
  ctx: Context,
  delivery: { readonly attempts: number; readonly timeoutMs?: number } = { attempts: 3 },
): AgreePorts {
  const { members, peers } = ctx.services;
  return {
    ...ctx.party,
    directory: ctx.facts,
    stores: ctx.stores,
    agreements: ctx.stores.agreements,
    ownAsset: (id) => ctx.assets.get(id),
    async fetchDocument(life: KnownLife) {
      return await reaching(`request ${life.id}`, async () =>
        peers.call(await members.target(await standInFor(ctx, life.requester)), {
          method: "GET",
          path: paths.request(life.id),
          // Its shape is judged with its signature: what is no request is refused, not asked for again and again.
          response: Type.Unknown(),
          maxBytes: 1024 * 1024,
        }),
      );
    },
    usesSoFar: (asset: string) => ctx.uses.of(asset),
    async deliver(requester, request, agreement) {
      return await reaching(`agreement on ${agreement.asset.id}`, async () =>
        peers.call(await members.target(await standInFor(ctx, requester)), {
          method: "POST",
          path: paths.agreements(request),
          body: agreement,
          response: ContractAgreementVerificationMessage,
          ...delivery,
        }),
      );
    },
    async notify(requester, request, event) {
      return await reaching(`agreement on ${event.asset}`, async () =>
        peers.call(await members.target(await standInFor(ctx, requester)), {
          method: "POST",
          path: paths.negotiationEvents(request),
          body: event,
          response: ContractNegotiation,
          ...delivery,
        }),
      );
    },
  };
}

/** One round over what this node owes a request: repeated after every change of it, and after a restart. */
export async function serveRequest(ctx: Context, id: string): Promise<void> {
  const known = await ctx.stores.lives.get(id);
  if (known === undefined) return;
  const self = ctx.services.member;
  const ports = providerPorts(ctx);
  const prompt = providerPorts(ctx, { attempts: 1, timeoutMs: PROMPT_MS });
  const concluded = [];
  for (const asset of undecidedAssets(known.life, self)) concluded.push(await decideAndAgree(prompt, id, asset));
  for (const one of concluded) if (one !== undefined) await tellFinalized(ports, one);
  for (const asset of await openNegotiations(ctx, known.life)) await negotiate(ports, id, asset);
}

const CAN_CONCLUDE: readonly string[] = ["submitted", "agreed", "opened"];

/** Own permitted assets whose agreement can still be concluded, or whose conclusion the requester has not heard of. */
async function openNegotiations(ctx: Context, life: KnownLife | { readonly name: "draft" }): Promise<string[]> {
  if (life.name === "draft") return [];
  const open: string[] = [];
  for (const [asset, { outcome, agreement }] of Object.entries(life.assets)) {
    if (!asset.startsWith(`${ctx.services.member}:`) || outcome !== "permit") continue;
    const state = (await ctx.stores.agreements.get(agreementKey(life.id, asset)))?.negotiation.state;
    const isOpen = agreement === undefined ? CAN_CONCLUDE.includes(life.name) : state === "VERIFIED";
    if (isOpen) open.push(asset);
  }
  return open;
}

async function reaching<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    throw new RequestError("ERR_REQUEST_UNREACHABLE", `${what}: ${error.message}`, { cause: error });
  }
}
