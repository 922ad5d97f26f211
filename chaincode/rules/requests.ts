/** Data requests and the providers' decisions on them. */
import { activeAsset } from "./assets.ts";
import { failRunning } from "./computation-states.ts";
import { demand, found } from "./errors.ts";
import type { Host } from "./host.ts";
import { keys, readDecision, readRequest, readRequestComputation } from "./keys.ts";
import type { DecisionState, RequestState } from "./records.ts";
import { activeMember, providerOf, type Rule, written } from "./rule.ts";

type Outcome = DecisionState["decision"]["outcome"];

/** A decision may be followed by these; a refusal stands. */
const FOLLOWING: Readonly<Record<Outcome | "none", readonly Outcome[]>> = Object.freeze({
  none: ["permit", "refuse", "wait"],
  wait: ["permit", "refuse"],
  permit: ["refuse"],
  refuse: [],
});

export const submitRequest: Rule<"request.submit"> = async (host, author, body) => {
  const existing = await readRequest(host.store, body.request);
  demand(existing === undefined, "ERR_CONTRACT_EXISTS", `request: ${body.request} exists`, "request");
  await activeMember(host, body.receiver, "receiver");
  for (const [at, asset] of body.assets.entries()) await activeAsset(host, asset, `assets[${at}]`);
  const state: RequestState = { ...body, requester: author.id, state: "submitted", ...written(host) };
  await host.store.put(keys.request(body.request), state);
};

/** Fails the running computation with it; from close-2 on there is a value release and nothing to cancel. */
export const cancelRequest: Rule<"request.cancel"> = async (host, author, { request, reason }) => {
  const state = await openRequest(host, request, "request");
  demand(
    state.requester === author.id,
    "ERR_CONTRACT_NOT_PERMITTED",
    `request: only ${state.requester} may cancel it`,
    "request",
  );
  const computation = await readRequestComputation(host.store, request);
  demand(
    computation?.state !== "closed2",
    "ERR_CONTRACT_STATE",
    "request: its computation has closed its second phase",
    "request",
  );
  await host.store.put(keys.request(request), { ...state, state: "cancelled", reason });
  if (computation !== undefined) await failRunning(host, computation, { reason: "request-cancelled", by: author.id });
};

export const recordDecision: Rule<"decision.record"> = async (host, author, decision) => {
  const { request, asset, outcome, policyDigest, policyVersion } = decision;
  demand(
    providerOf(asset) === author.id,
    "ERR_CONTRACT_NOT_PERMITTED",
    `asset: ${asset} belongs to ${providerOf(asset)}, not to ${author.id}`,
    "asset",
  );
  const open = await openRequest(host, request, "request");
  demand(open.assets.includes(asset), "ERR_CONTRACT_MISMATCH", `asset: ${asset} is not in the request`, "asset");
  const state = await activeAsset(host, asset, "asset");
  demand(
    state.policyDigest === policyDigest && state.policyVersion === policyVersion,
    "ERR_CONTRACT_POLICY",
    `policyVersion: the active policy is version ${state.policyVersion} (${state.policyDigest})`,
    "policyVersion",
  );
  const previous = await readDecision(host.store, request, asset);
  const before = previous?.decision.outcome ?? "none";
  demand(
    FOLLOWING[before].includes(outcome),
    "ERR_CONTRACT_STATE",
    `outcome: ${outcome} cannot follow ${before}`,
    "outcome",
  );
  const agreed = await host.store.get(keys.requestAgreement(request, asset));
  demand(agreed === undefined, "ERR_CONTRACT_STATE", "request: already agreed; revoke the agreement", "request");
  const recorded: DecisionState = { provider: author.id, decision, ...written(host) };
  await host.store.put(keys.decision(request, asset), recorded);
};

export async function openRequest(host: Host, request: string, field: string): Promise<RequestState> {
  const state = found(await readRequest(host.store, request), "request", field);
  demand(state.state === "submitted", "ERR_CONTRACT_STATE", `${field}: ${request} is ${state.state}`, field);
  return state;
}
