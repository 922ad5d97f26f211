/** A provider takes its agreement back, and what that does to the question it was about. */
import { setTimeout as sleep } from "node:timers/promises";
import type { DemoNetwork } from "./network.ts";
import { draftOf } from "./run.ts";
import type { Scenario } from "./scenario.ts";

export interface Revocation {
  readonly provider: string;
  readonly title: Scenario["title"];
  readonly agreement: string;
  readonly reason: string;
  /** The requester's own copy of the ledger says so. */
  readonly isSeen: boolean;
  /** Whether the same question was answered from the released result, before it and after. */
  readonly answered: { readonly before: boolean; readonly after: boolean };
}

const REASON = "contract-ended";
const POLL_MS = 40;
const TRIES = 500;

/** `request`: ledger id of the scenario's first request, released. */
export async function revoke(
  network: DemoNetwork,
  scenario: Scenario,
  { provider, request, now }: { readonly provider: string; readonly request: string; readonly now: Date },
): Promise<Revocation> {
  const [first] = scenario.requests;
  const requester = network.api(scenario.requester.id);
  const again = () => requester.post<{ id: string; cached: boolean }>("/requests", draftOf(scenario, first!, now));
  const before = await again();
  const asset = scenario.providers.find(({ id }) => id === provider)!.registration.asset.id;
  interface View {
    readonly assets: readonly { readonly asset: string; readonly agreement?: string; readonly revoked?: string }[];
  }
  const held = async () => {
    const { assets } = await requester.get<View>(`/requests/${request}`);
    return assets.find((one) => one.asset === asset)!;
  };
  const agreement = (await held()).agreement!;
  await network.api(provider).post(`/agreements/${encodeURIComponent(agreement)}/revoke`, { reason: REASON });
  let seen = await held();
  for (let tries = 0; seen.revoked === undefined && tries < TRIES; tries++) {
    await sleep(POLL_MS);
    seen = await held();
  }
  const after = await again();
  if (!after.cached) await requester.post(`/requests/${after.id}/cancel`, { reason: "demonstration-over" });
  return {
    provider,
    title: first!.title,
    agreement,
    reason: REASON,
    isSeen: seen.revoked === REASON,
    answered: { before: before.cached, after: after.cached },
  };
}
