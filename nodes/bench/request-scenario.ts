/** The demonstration's companies, as many as wanted: beyond its eleven they come again under other names. */
import type { Policy } from "../../policies/model/policy.ts";
import { policyFor } from "../demo/policy.ts";
import { loadScenario, type Provider, type Scenario, type ScenarioRequest } from "../demo/scenario.ts";

/** With more members a quorum of all of them is more than a consortium would ask for. */
const ALL_COSIGN = 20;
const COSIGNERS = 7;

export async function scenarioOf(providers: number): Promise<Scenario> {
  const scenario = await loadScenario("grunfeld");
  const [request] = scenario.requests;
  if (request === undefined) throw new Error("grunfeld: has no request");
  return {
    ...scenario,
    requests: [request],
    providers: Array.from({ length: providers }, (_, at) => {
      const original = scenario.providers[at % scenario.providers.length]!;
      const named = at < scenario.providers.length ? original : renamed(original, Math.floor(at / 11) + 1);
      return { ...named, cosigner: providers <= ALL_COSIGN || at < COSIGNERS };
    }),
  };
}

function renamed(original: Provider, copy: number): Provider {
  const id = `${original.id}-${copy}`;
  const { source, asset } = original.registration;
  const renameIn = (text: string) => text.replace(original.id, id);
  return {
    ...original,
    id,
    organisation: `bench:${id}`,
    holdingGroup: id,
    registration: {
      source,
      asset: { ...asset, id: `${id}:${asset.id.split(":")[1]}`, unitDomain: renameIn(asset.unitDomain) },
    },
  };
}

/** Every rule about the largest contributors, at values that are in use: what the receiver judges is the dearest there is. */
export function policyWithOutputRules(scenario: Scenario, provider: Provider, now: Date): Policy {
  const policy = policyFor(scenario, provider, now);
  const [use, ...others] = policy.permission;
  const rules = [
    {
      leftOperand: "sealane:dominance",
      operator: "isAnyOf",
      rightOperand: [
        { largest: "1", percent: "85" },
        { largest: "2", percent: "95" },
      ],
    },
    { leftOperand: "sealane:pPercent", operator: "gteq", rightOperand: "10" },
    { leftOperand: "sealane:pq", operator: "isAnyOf", rightOperand: [{ percent: "10", prior: "50" }] },
    { leftOperand: "sealane:protectionInterval", operator: "gteq", rightOperand: "10" },
    { leftOperand: "sealane:exactMomentsTrusted", operator: "isAnyOf", rightOperand: [scenario.receiver.id] },
  ] as const;
  return { ...policy, permission: [{ ...use!, constraint: [...use!.constraint!, ...rules] }, ...others] } as Policy;
}

/** An identical query would be answered from the first result; other measure ids make it another query. */
export const questionOf = (request: ScenarioRequest, run: number): ScenarioRequest => ({
  ...request,
  query: {
    ...request.query,
    measures: request.query.measures.map((measure) => ({ ...measure, id: `${measure.id}-${run}` })),
  },
});
