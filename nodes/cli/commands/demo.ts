/** `sealane demo`: a whole network on this machine and the main job on it, step by step. */
import { SUITE_IDS, type SuiteId } from "../../../crypto/suites/suite.ts";
import { METHODS, type Method } from "../../../policies/model/request.ts";
import type { DemoReport } from "../../demo/report.ts";
import type { ScenarioName } from "../../demo/scenario.ts";
import type { CommandGroup } from "../command.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { EXIT } from "../errors.ts";
import { choice } from "../options.ts";
import { createProgress } from "../progress.ts";
import { renderTable } from "../table.ts";

const LEDGERS = ["embedded", "fabric"] as const satisfies readonly DemoReport["ledger"][];
const SCENARIOS = ["grunfeld", "shaoxing"] as const satisfies readonly ScenarioName[];

interface DemoFlags {
  readonly once?: boolean;
  readonly processes?: boolean;
  readonly scenario: ScenarioName;
  readonly out?: string;
  readonly suite: SuiteId;
  readonly method: Method;
  readonly ledger: DemoReport["ledger"];
}

export const demoCommands: CommandGroup = (program, { texts, action }) => {
  const { text } = texts;
  program
    .command("demo")
    .description(text("cli.demo"))
    .option("--once", text("cli.demo.once"))
    .option("--processes", text("cli.demo.processes"))
    .option("--scenario <name>", text("cli.demo.scenario"), choice(SCENARIOS), "grunfeld")
    .option("--suite <suite>", `${text("cli.node.init.suite")}: ${SUITE_IDS.join(" | ")}`, choice(SUITE_IDS), "intl")
    .option("--method <method>", text("cli.request.submit.method"), choice(METHODS), "mask")
    .option("--ledger <kind>", text("cli.demo.ledger"), choice(LEDGERS), "embedded")
    .option("--out <folder>", text("cli.demo.out"))
    .action(action<DemoFlags>((context, flags) => demo(context, flags)));
};

async function demo(context: CommandContext, flags: DemoFlags): Promise<Outcome> {
  const { texts, surroundings, json } = context;
  const { text } = texts;
  // Closing every node takes some seconds.
  surroundings.signal.addEventListener("abort", () => context.note(text("cli.demo.stopping")), { once: true });
  const { runDemo } = await import("../../demo/demo.ts");
  const { closingText, isGood, requestText } = await import("../../demo/report.ts");
  const progress = createProgress(surroundings);
  // People read results as they come; with --json stdout holds the one object at the end.
  const say = (lines: string): void => surroundings.write(json ? "stderr" : "stdout", `${lines}\n`);
  const finished = await runDemo(
    {
      scenario: flags.scenario,
      processes: flags.processes === true,
      suite: flags.suite,
      method: flags.method,
      ledger: flags.ledger,
      surroundings,
      ...(flags.out === undefined ? {} : { out: context.path(flags.out) }),
    },
    (name, { scenario, request }, work) => {
      const title = texts.title(request?.title ?? scenario.title);
      return progress.step(text(`demo.step.${name}`, { title, nodes: scenario.providers.length + 3 }), work);
    },
    (request, index, scenario) => say(`\n${requestText(request, index + 1, texts, scenario)}\n`),
  );
  const { report, scenario, traffic, network } = finished;
  try {
    say(closingText(report, scenario, traffic, texts));
    if (flags.out !== undefined) say(text("demo.kept", { folder: flags.out }));
    // Whoever wants the object waits for the end.
    if (flags.once !== true && !json && !surroundings.signal.aborted) {
      const rows = [...network.addresses].map(([member, { base }]) => [member, base, `${network.dir}/${member}`]);
      say(
        `\n${renderTable([{ title: text("demo.node") }, { title: text("demo.api") }, { title: text("demo.folder") }], rows)}`,
      );
      say(`\n${text("demo.staysUp", { folder: `${network.dir}/${scenario.requester.id}` })}`);
      await aborted(surroundings.signal);
    }
  } finally {
    await network.close();
  }
  return { json: report, human: "", exitCode: isGood(report) ? EXIT.ok : EXIT.failed };
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
