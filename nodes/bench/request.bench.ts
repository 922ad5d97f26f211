/**
 * A whole request over real HTTPS with fsync and automatic approval, from submission to the result that the requester
 * fetched and verified: the demo's network of 11 providers, all nodes in this process.
 */
import { readTables } from "../demo/compare.ts";
import { inProcess } from "../demo/network.ts";
import { registerAll, runRequest } from "../demo/run.ts";
import { loadScenario, type ScenarioRequest } from "../demo/scenario.ts";
import { createWireTap } from "../demo/wire-tap.ts";
import { defineBench, percentile } from "./bench.ts";

const SIZES = { requests: { full: 10, tiny: 1 } };

export const requestBench = defineBench(SIZES, async ({ tiny, sizes, note }) => {
  const scenario = await loadScenario(tiny ? "shaoxing" : "grunfeld");
  const [first] = scenario.requests;
  if (first === undefined) throw new Error(`${scenario.name}: has no request`);
  const tables = await readTables(scenario);
  const network = await inProcess({
    scenario,
    tap: createWireTap([]),
    surroundings: {
      env: {},
      cwd: ".",
      fetch,
      interactive: false,
      signal: new AbortController().signal,
      onReload: () => () => undefined,
      write: () => undefined,
      now: () => Date.now(),
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    },
    onStep: () => undefined,
  });
  try {
    const hooks = { onRegistered: () => undefined, onState: () => undefined };
    await registerAll(network, scenario, hooks, new Date());
    const { requests } = sizes;
    const samples: number[] = [];
    for (let run = 0; run < requests; run += 1) {
      const done = await runRequest(network, scenario, renamed(first, run), tables, hooks, new Date());
      if (done.state !== "released" || !done.exact) throw new Error(`${done.id}: ${done.state} ${done.reasons.join()}`);
      note(`request ${run + 1} of ${requests}: ${done.ms} ms`);
      samples.push(done.ms);
    }
    return {
      parameters: { providers: scenario.providers.length, requests, ledger: "embedded", approval: "automatic" },
      results: [
        { metric: "requestP50Ms", value: percentile(samples, 0.5), unit: "ms", target: { atMost: 500 } },
        { metric: "requestP95Ms", value: percentile(samples, 0.95), unit: "ms" },
      ],
    };
  } finally {
    await network.close();
  }
});

/** An identical query would be answered from the first result; other measure ids make it another query. */
const renamed = (request: ScenarioRequest, run: number): ScenarioRequest => ({
  ...request,
  query: {
    ...request.query,
    measures: request.query.measures.map((measure) => ({ ...measure, id: `${measure.id}-${run}` })),
  },
});
