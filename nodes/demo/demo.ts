/** The demonstration from beginning to end; `sealane demo` shows what it does. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SuiteId } from "../../crypto/suites/suite.ts";
import { encodeEvidence } from "../../ledger/audit/build.ts";
import type { Surroundings } from "../cli/surroundings.ts";
import { privateValues, readTables } from "./compare.ts";
import { type DemoNetwork, inProcess, membersOf } from "./network.ts";
import { inProcesses } from "./processes.ts";
import type { DemoReport } from "./report.ts";
import { type DemoHooks, type DemoRequest, registerAll, runRequest, verifyAll } from "./run.ts";
import { loadScenario, type Scenario, type ScenarioName } from "./scenario.ts";
import { createWireTap, type Traffic } from "./wire-tap.ts";

export interface DemoOptions {
  readonly scenario: ScenarioName;
  readonly processes: boolean;
  readonly suite: SuiteId;
  /** Folder for the evidence bundles and the trust file. */
  readonly out?: string;
  readonly surroundings: Surroundings;
}

/** Wraps each long part, so that the caller can show progress. */
export type DemoStep = <T>(
  name: "network" | "register" | "request" | "verify",
  detail: { readonly scenario: Scenario; readonly request?: Scenario["requests"][number] },
  work: (update: (state: string) => void) => Promise<T>,
) => Promise<T>;

export interface FinishedDemo {
  readonly report: DemoReport;
  readonly scenario: Scenario;
  readonly traffic: Traffic;
  readonly network: DemoNetwork;
}

/** The network stays up: the caller closes it. Nothing stays open when this throws. */
export async function runDemo(
  options: DemoOptions,
  step: DemoStep,
  onRequest: (request: DemoRequest, index: number) => void,
): Promise<FinishedDemo> {
  const { surroundings } = options;
  const startedAt = surroundings.now();
  const scenario = await loadScenario(options.scenario);
  const tables = await readTables(scenario);
  const tap = createWireTap(privateValues(tables));
  const now = new Date(startedAt);
  const start = options.processes ? inProcesses : inProcess;
  const network = await step("network", { scenario }, (update) =>
    start({ scenario, suite: options.suite, tap, surroundings, onStep: update }),
  );
  try {
    const silent: DemoHooks = { onRegistered: () => undefined, onState: () => undefined };
    await step("register", { scenario }, (update) =>
      registerAll(network, scenario, { ...silent, onRegistered: update }, now),
    );
    const requests: DemoRequest[] = [];
    for (const [index, request] of scenario.requests.entries()) {
      const done = await step("request", { scenario, request }, (update) =>
        runRequest(network, scenario, request, tables, { ...silent, onState: (_request, state) => update(state) }, now),
      );
      requests.push(done);
      onRequest(done, index);
    }
    const { trust, ...evidence } = await step("verify", { scenario }, () => verifyAll(network, scenario, requests));
    if (options.out !== undefined) await keep(options.out, requests, trust);
    const traffic = await network.traffic();
    const report: DemoReport = {
      scenario: scenario.name,
      ledger: "embedded",
      nodes: membersOf(scenario).length,
      processes: options.processes,
      requests: requests.map(({ evidence: _evidence, ...request }) => request),
      evidence,
      leaks: traffic.leaks,
      searchedValues: tap.values,
      messages: traffic.messages,
      bytes: traffic.bytes,
      ms: surroundings.now() - startedAt,
    };
    return { report, scenario, traffic, network };
  } catch (error) {
    await network.close();
    throw error;
  }
}

async function keep(dir: string, requests: readonly DemoRequest[], trust: unknown): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "trust.json"), JSON.stringify(trust));
  for (const { id, evidence } of requests) {
    if (evidence !== undefined) await writeFile(join(dir, `${id}.evidence.json`), encodeEvidence(evidence));
  }
}
