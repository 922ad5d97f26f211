/** One request from submission to the result that the requester fetched and verified, and where its time went. */
import type { ResultDocument } from "../../ledger/audit/result.ts";
import { draftOf } from "../demo/run.ts";
import type { Scenario, ScenarioRequest } from "../demo/scenario.ts";
import type { MeasuredNetwork } from "./request-network.ts";

export interface Measured {
  readonly ms: number;
  readonly document: ResultDocument;
  /** Milliseconds from the step before to each step, in order. */
  readonly steps: Readonly<Record<string, number>>;
}

/** What ends each step, by the ledger; the rest is delivery. */
const STEPS = {
  submitted: "request.submit",
  decided: "decision.record",
  agreed: "agreement.conclude",
  opened: "computation.open",
  keyed: "computation.keyset",
  masked: "computation.maskset",
  closed: "computation.close",
  released: "result.release",
} as const;
const WAIT_MS = 60_000;
const ENDS: readonly string[] = ["released", "withheld", "failed", "cancelled"];

interface RequestState {
  readonly state: string;
  readonly reasons?: readonly string[];
}

export async function measureRequest(
  network: MeasuredNetwork,
  scenario: Scenario,
  request: ScenarioRequest,
): Promise<Measured> {
  const requester = network.api(scenario.requester.id);
  const startedAt = Date.now();
  const { id } = await requester.post<{ id: string }>("/requests", draftOf(scenario, request, new Date()));
  let state = "submitted";
  while (!ENDS.includes(state)) {
    const seen = await requester.get<RequestState>(`/requests/${id}?unless=${state}&waitMs=${WAIT_MS}`);
    state = seen.state;
    if (ENDS.includes(state) && state !== "released") throw new Error(`${id}: ${state} ${seen.reasons?.join()}`);
  }
  const { outcome } = await requester.get<{ outcome: { document: ResultDocument } }>(`/requests/${id}/result`);
  const endedAt = Date.now();
  const at = new Map((await network.steps(id)).map((step) => [step.type, step.at]));
  const steps: Record<string, number> = {};
  let before = startedAt;
  for (const [name, type] of Object.entries(STEPS)) {
    const time = at.get(type) ?? before;
    steps[name] = time - before;
    before = time;
  }
  steps.delivered = endedAt - before;
  return { ms: endedAt - startedAt, document: outcome.document, steps };
}
