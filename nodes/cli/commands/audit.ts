/** `sealane audit`: verification that trusts no node; what it needs is loaded only then. Exit 4 unless everything was verified. */
import type { Problem } from "../../../ledger/audit/problems.ts";
import type { Check, Report } from "../../../ledger/audit/report.ts";
import type { Texts } from "../../i18n/text.ts";
import type { CommandGroup } from "../command.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { CliError, EXIT } from "../errors.ts";
import { renderFields, renderTable } from "../table.ts";

export const auditCommands: CommandGroup = (program, { texts, action }) => {
  const { text } = texts;
  const audit = program.command("audit").description(text("cli.audit"));
  audit
    .command("verify")
    .argument("<bundle>", text("cli.audit.verify.bundle"))
    .requiredOption("--trust <file>", text("cli.option.trust"))
    .description(text("cli.audit.verify"))
    .action(action<{ trust: string }>((context, { trust }, bundle) => verify(context, trust, bundle)));
  audit
    .command("ledger")
    .requiredOption("--trust <file>", text("cli.option.trust"))
    .description(text("cli.audit.ledger"))
    .action(action<{ trust: string }>((context, { trust }) => verifyLedger(context, trust)));
};

async function verify(context: CommandContext, trustFile: string, bundleFile: string): Promise<Outcome> {
  const { MAX_BUNDLE_BYTES } = await import("../../../ledger/audit/bundle.ts");
  const { verifyEvidenceFile } = await import("../../../ledger/audit/verify.ts");
  const trust = await readTrust(context, trustFile);
  const bytes = await context.readBytes(bundleFile, MAX_BUNDLE_BYTES);
  const report = verifyEvidenceFile(bytes, trust);
  if (report.verdict !== "verified" && isOfAnotherKind(bytes)) {
    throw new CliError("ERR_CLI_NOT_EVIDENCE", { file: bundleFile });
  }
  return {
    json: report,
    human: humanReport(report, context.texts),
    exitCode: report.verdict === "verified" ? EXIT.ok : EXIT.unverified,
  };
}

async function verifyLedger(context: CommandContext, trustFile: string): Promise<Outcome> {
  const { text } = context.texts;
  const trust = await readTrust(context, trustFile);
  const { verifyReplica } = await import("../../../ledger/audit/replica.ts");
  const { openStoredLedger } = await import("../stored-ledger.ts");
  const { temporaryState } = await import("../temporary-state.ts");
  const stored = await openStoredLedger(context);
  const state = temporaryState();
  try {
    const report = await verifyReplica(stored.entries, stored.checkpoint, trust, state);
    const facts = renderFields([
      [text("cli.audit.verdict"), text(`audit.verdict.${report.verdict}`)],
      [text("cli.audit.entries"), String(report.entries)],
      [text("cli.field.root"), report.root],
    ]);
    const problem = report.problem === undefined ? [] : [problemLine(report.problem, context.texts)];
    return {
      json: report,
      human: [facts, ...problem].join("\n\n"),
      exitCode: report.verdict === "verified" ? EXIT.ok : EXIT.unverified,
    };
  } finally {
    await state.close();
    await stored.close();
  }
}

/** JSON of something else, such as a request. What is damaged, or nearly evidence, is told by the audit. */
function isOfAnotherKind(bytes: Uint8Array): boolean {
  try {
    const read: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    if (typeof read !== "object" || read === null || Object.keys(read).length === 0) return false;
    return !("body" in read) && !("statement" in read);
  } catch {
    return false;
  }
}

/** What is no trust file at all is a wrong input; what is wrong inside of one is found, and told, by the audit. */
async function readTrust(context: CommandContext, file: string): Promise<unknown> {
  const { TRUST_FORMAT } = await import("../../../ledger/audit/trust.ts");
  const trust = await context.readJson(file);
  const { format } = (trust ?? {}) as { readonly format?: unknown };
  if (format !== TRUST_FORMAT) throw new CliError("ERR_CLI_NOT_TRUST", { file });
  return trust;
}

function humanReport(report: Report, texts: Texts): string {
  const { text } = texts;
  const facts: (readonly [string, string])[] = [[text("cli.audit.verdict"), text(`audit.verdict.${report.verdict}`)]];
  if (report.network !== undefined) facts.push([text("cli.field.network"), report.network]);
  if (report.request !== undefined) facts.push([text("cli.field.request"), report.request]);
  if (report.computation !== undefined) facts.push([text("cli.field.computation"), report.computation]);
  if (report.code !== undefined) facts.push([text("cli.audit.code"), report.code.join("\n")]);
  const columns = [
    { title: text("cli.audit.check") },
    { title: text("cli.field.state") },
    { title: text("cli.audit.what") },
  ];
  const isBlocked = (check: Check) => check.status === "not-run" && check.because === "blocked";
  const rows = report.checks
    .filter((check) => !isBlocked(check))
    .map((check) => [text(`audit.check.${check.id}`), text(`audit.status.${check.status}`), outcomeOf(check, texts)]);
  const blocked = report.checks.filter(isBlocked).length;
  if (blocked > 0) {
    rows.push([text("audit.others", { count: blocked }), text("audit.status.not-run"), text("audit.because.blocked")]);
  }
  const open = (report.unverifiable ?? []).map((what) => `  ${text(`audit.unverifiable.${what}`)}`);
  const limits = open.length === 0 ? [] : [[text("audit.unverifiable"), ...open].join("\n")];
  const failures = report.checks.flatMap((check) => (check.status === "failed" ? check.problems : []));
  return [
    renderFields(facts),
    renderTable(columns, rows),
    ...limits,
    ...failures.map((p) => problemLine(p, texts)),
  ].join("\n\n");
}

function outcomeOf(check: Check, { text }: Texts): string {
  if (check.status === "passed") return text("audit.subjects", { count: check.subjects });
  if (check.status === "failed") return text("audit.problems", { count: check.problems.length });
  return text(`audit.because.${check.because}`);
}

/** Where in the bundle, what is wrong, and the values compared. */
function problemLine({ where, code, values }: Problem, texts: Texts): string {
  const compared = Object.entries(values).map(([name, value]) => texts.text("audit.compared", { name, value }));
  return [`${where || "/"}  [${code}] ${texts.reason(code)}`, ...compared].join("\n");
}
