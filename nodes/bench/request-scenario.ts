/** The demonstration's companies, as many as wanted: beyond its eleven they come again under other names. */
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

/** An identical query would be answered from the first result; other measure ids make it another query. */
export const questionOf = (request: ScenarioRequest, run: number): ScenarioRequest => ({
  ...request,
  query: {
    ...request.query,
    measures: request.query.measures.map((measure) => ({ ...measure, id: `${measure.id}-${run}` })),
  },
});
