/**
 * The 65 scenarios that dsp-tck runs, with its ids (sequence diagrams of its tests). `hook`: the suite asks the
 * connector to begin. `>` the suite sends, `>!` it sends and must be refused, `<` the connector sends, `=` the state
 * that the connector shows.
 */
export interface Scenario {
  readonly id: string;
  /** Preset dataset or agreement. */
  readonly preset: string;
  readonly steps: readonly string[];
}

const scenarios = (group: string, presets: string, lines: Readonly<Record<string, string>>): readonly Scenario[] =>
  Object.entries(lines).map(([number, steps]) => ({
    id: `${group}:${number}`,
    preset: `${presets}${number.replace("-", "")}`,
    steps: steps.split(", "),
  }));

export const NEGOTIATION_SCENARIOS: readonly Scenario[] = [
  ...scenarios("CN", "ACN", {
    "01-01": "> request, < offer, > terminate, = TERMINATED",
    "01-02": "> request, < offer, > counter-request, < terminate, = TERMINATED",
    "01-03": "> request, < offer, > accept, < agree, > verify, < finalize, = FINALIZED",
    "01-04": "> request, < agree, > verify, < finalize, = FINALIZED",
    "02-01": "> request, < terminate, = TERMINATED",
    "02-02": "> request, > terminate, = TERMINATED",
    "02-03": "> request, < agree, > terminate, = TERMINATED",
    "02-04": "> request, < offer, > terminate, = TERMINATED",
    "02-05": "> request, < offer, < terminate, = TERMINATED",
    "02-06": "> request, < offer, > accept, < terminate, = TERMINATED",
    "02-07": "> request, < agree, > verify, < terminate, = TERMINATED",
    "03-01": "> request, < agree, > verify, < finalize, = FINALIZED, >! terminate, = FINALIZED",
    "03-02": "> request, < offer, >! verify, = OFFERED",
    "03-03": "> request, < offer, > accept, >! verify, = ACCEPTED",
    "03-04": "> request, < offer, > counter-request, >! counter-request, = REQUESTED",
  }),
  ...scenarios("CN_C", "ACNC", {
    "01-01": "hook, < request, > offer, < accept, > agree, < verify, > finalize, = FINALIZED",
    "01-02": "hook, < request, > offer, < counter-request, > terminate, = TERMINATED",
    "01-03": "hook, < request, > offer, < terminate, = TERMINATED",
    "01-04": "hook, < request, > agree, < verify, > finalize, = FINALIZED",
    "02-01": "hook, < request, > terminate, = TERMINATED",
    "02-02": "hook, < request, < terminate, = TERMINATED",
    "02-03": "hook, < request, > agree, < terminate, = TERMINATED",
    "02-04": "hook, < request, > offer, = OFFERED, > terminate, = TERMINATED",
    "02-05": "hook, < request, > offer, < accept, > terminate, = TERMINATED",
    "02-06": "hook, < request, > agree, < verify, > terminate, = TERMINATED",
    "03-01": "hook, < request, >! finalize, = REQUESTED",
    "03-02": "hook, < request, > offer, = OFFERED, >! agree, = OFFERED",
    "03-03": "hook, < request, > offer, >! finalize, = OFFERED",
    "03-04": "hook, < request, > offer, < accept, >! finalize, = ACCEPTED",
    "03-05": "hook, < request, > offer, < accept, = ACCEPTED, >! offer, = ACCEPTED",
    "03-06": "hook, < request, > offer, < accept, > agree, = AGREED, >! finalize, = AGREED",
  }),
];

export const TRANSFER_SCENARIOS: readonly Scenario[] = [
  ...scenarios("TP", "ATP", {
    "01-01": "> request, < start, < terminate, = TERMINATED",
    "01-02": "> request, < start, < complete, = COMPLETED",
    "01-03": "> request, < start, < suspend, < terminate, = TERMINATED",
    "01-04": "> request, < start, < suspend, < start, < complete, = COMPLETED",
    "01-05": "> request, < terminate, = TERMINATED",
    "02-01": "> request, < start, = STARTED, > terminate, = TERMINATED",
    "02-02": "> request, < start, = STARTED, > complete, = COMPLETED",
    "02-03": "> request, < start, = STARTED, > suspend, = SUSPENDED, > terminate, = TERMINATED",
    "02-05": "> request, = REQUESTED, > terminate, = TERMINATED",
    "03-01": "> request, = REQUESTED, >! complete, = REQUESTED",
    "03-02": "> request, = REQUESTED, >! suspend, = REQUESTED",
    "03-03": "> request, < start, = STARTED, > suspend, = SUSPENDED, >! complete, = SUSPENDED",
    "03-04": "> request, < start, = STARTED, > terminate, = TERMINATED, >! start, = TERMINATED",
    "03-05": "> request, < start, = STARTED, > terminate, = TERMINATED, >! suspend, = TERMINATED",
    "03-06": "> request, < start, = STARTED, > terminate, = TERMINATED, >! complete, = TERMINATED",
  }),
  ...scenarios("TP_C", "ATPC", {
    "01-01": "hook, < request, > start, = STARTED, > terminate, = TERMINATED",
    "01-02": "hook, < request, > start, = STARTED, > complete, = COMPLETED",
    "01-03": "hook, < request, > start, = STARTED, > suspend, = SUSPENDED, > terminate, = TERMINATED",
    "01-04": "hook, < request, > start, = STARTED, > suspend, = SUSPENDED, > start, = STARTED, > complete, = COMPLETED",
    "01-05": "hook, < request, > terminate, = TERMINATED",
    "02-01": "hook, < request, > start, < terminate, = TERMINATED",
    "02-02": "hook, < request, > start, < complete, = COMPLETED",
    "02-03": "hook, < request, > start, < suspend, < terminate, = TERMINATED",
    "02-05": "hook, < request, < terminate, = TERMINATED",
    "03-01": "hook, < request, = REQUESTED, >! complete, = REQUESTED",
    "03-02": "hook, < request, = REQUESTED, >! suspend, = REQUESTED",
    "03-03": "hook, < request, > start, = STARTED, > suspend, = SUSPENDED, >! complete, = SUSPENDED",
    "03-04": "hook, < request, > start, = STARTED, > terminate, = TERMINATED, >! start, = TERMINATED",
    "03-05": "hook, < request, > start, = STARTED, > terminate, = TERMINATED, >! suspend, = TERMINATED",
    "03-06": "hook, < request, > start, = STARTED, > terminate, = TERMINATED, >! complete, = TERMINATED",
  }),
];
