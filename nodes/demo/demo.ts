/** The demonstration from beginning to end; `sealane demo` shows what it does. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SuiteId } from "../../crypto/suites/suite.ts";
import { encodeEvidence } from "../../ledger/audit/build.ts";
import type { Method } from "../../policies/model/request.ts";
import type { Surroundings } from "../cli/surroundings.ts";
import { privateValues, readTables } from "./compare.ts";
import { askEncrypted } from "./encrypted-query.ts";
import type { DemoFabric } from "./fabric-network.ts";
import { type DemoJoin, runJoin } from "./join.ts";
import { type DemoNetwork, inProcess, membersOf } from "./network.ts";
import { inProcesses } from "./processes.ts";
import type { DemoReport } from "./report.ts";
import { type Revocation, revoke } from "./revocation.ts";
import { type DemoHooks, type DemoRequest, registerAll, runRequest, verifyAll } from "./run.ts";
import { loadScenario, type Scenario, type ScenarioName } from "./scenario.ts";
import { createWireTap, type Traffic, type WireTap } from "./wire-tap.ts";

export interface DemoOptions {
  readonly scenario: ScenarioName;
  readonly processes: boolean;
  /** Default `embedded`. */
  readonly ledger?: DemoReport["ledger"];
  readonly suite: SuiteId;
  /** Of every request; absent: mask. */
  readonly method?: Method | undefined;
  /** Folder for the evidence bundles and the trust file. */
  readonly out?: string;
  readonly surroundings: Surroundings;
}

/** Wraps each long part, so that the caller can show progress. */
export type DemoStep = <T>(
  name: "fabric" | "network" | "register" | "request" | "join" | "encrypted" | "revocation" | "verify",
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
  onRequest: (request: DemoRequest, index: number, scenario: Scenario) => void,
): Promise<FinishedDemo> {
  const { surroundings } = options;
  const startedAt = surroundings.now();
  const scenario = asked(await loadScenario(options.scenario), options.method);
  const tables = await readTables(scenario);
  const tap = createWireTap(privateValues(tables));
  const now = new Date(startedAt);
  const fabric =
    options.ledger === "fabric"
      ? await step("fabric", { scenario }, () => startFabric(scenario, surroundings))
      : undefined;
  const network = await startNodes(options, scenario, fabric, tap, step);
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
      onRequest(done, index, scenario);
    }
    const { revokes: provider, join: joined } = scenario;
    const joinedLists: DemoJoin | undefined =
      joined === undefined
        ? undefined
        : await step("join", { scenario }, () => runJoin(network, scenario, joined, now));
    const { encrypted } = scenario;
    const answered =
      encrypted === undefined
        ? undefined
        : await step("encrypted", { scenario }, () => askEncrypted(network, scenario, encrypted, now));
    const revocation: Revocation | undefined =
      provider === undefined
        ? undefined
        : await step("revocation", { scenario }, () =>
            revoke(network, scenario, { provider, request: requests[0]!.request, now }),
          );
    const { trust, ...evidence } = await step("verify", { scenario }, () => verifyAll(network, scenario, requests));
    if (options.out !== undefined) await keep(options.out, [...requests, ...bundleOf(answered)], trust);
    const traffic = await network.traffic();
    const report: DemoReport = {
      scenario: scenario.name,
      ledger: options.ledger ?? "embedded",
      nodes: membersOf(scenario).length,
      processes: options.processes,
      requests: requests.map(({ evidence: _evidence, ...request }) => request),
      ...(joinedLists === undefined ? {} : { join: joinedLists }),
      ...(answered === undefined ? {} : { encrypted: answered.answers }),
      ...(revocation === undefined ? {} : { revocation }),
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

const asked = (scenario: Scenario, method: Method | undefined): Scenario =>
  method === undefined || method === "mask"
    ? scenario
    : { ...scenario, requests: scenario.requests.map((request) => ({ ...request, method })) };

async function startFabric(scenario: Scenario, { env, signal }: Surroundings): Promise<DemoFabric> {
  // gRPC and Fabric's messages are loaded only where they are used.
  const { startDemoFabric } = await import("./fabric-network.ts");
  return startDemoFabric(
    membersOf(scenario).map(({ id }) => id),
    { env, signal },
  );
}

/** The Fabric network ends with the nodes on it. */
async function startNodes(
  { processes, suite, surroundings }: DemoOptions,
  scenario: Scenario,
  fabric: DemoFabric | undefined,
  tap: WireTap,
  step: DemoStep,
): Promise<DemoNetwork> {
  const start = processes ? inProcesses : inProcess;
  try {
    const network = await step("network", { scenario }, (update) =>
      start({ scenario, suite, tap, surroundings, onStep: update, ...(fabric === undefined ? {} : { fabric }) }),
    );
    return {
      ...network,
      async close() {
        await network.close();
        await fabric?.close();
      },
    };
  } catch (error) {
    await fabric?.close();
    throw error;
  }
}

const bundleOf = (answered: Awaited<ReturnType<typeof askEncrypted>> | undefined) =>
  answered === undefined ? [] : [{ id: "encrypted-query", evidence: answered.evidence }];

interface Kept {
  readonly id: string;
  readonly evidence?: Parameters<typeof encodeEvidence>[0];
}

async function keep(dir: string, requests: readonly Kept[], trust: unknown): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "trust.json"), JSON.stringify(trust));
  for (const { id, evidence } of requests) {
    if (evidence !== undefined) await writeFile(join(dir, `${id}.evidence.json`), encodeEvidence(evidence));
  }
}
