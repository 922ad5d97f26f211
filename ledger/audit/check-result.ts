/** What came out: the released document, its shape, and that what is withheld had to be. */
import { bitsOf, cellFacts, complementsOf, mostNeeded } from "./cells.ts";
import { bodyOf, type Check, type Evidence, expectSalted, sameJson, sameList } from "./evidence.ts";
import { outputRulesOf } from "./output-rules.ts";
import type { Findings } from "./problems.ts";
import { type ResultCell, WITHHELD } from "./result.ts";
import { brokenBase, decimalSum, sameDecimal } from "./rounded-figures.ts";

const WHERE = "/body/outcome/result/document";

export const checkRelease: Check = (evidence, findings) => {
  const { body, opened, survivors2 } = evidence;
  const { outcome } = body;
  const { signer, statement } = outcome.record.transaction;
  findings.expect(signer === opened.receiver, "/body/outcome/record/transaction/signer", "wrong-signer", {
    expected: opened.receiver,
    got: signer,
  });
  findings.expect(
    statement.body.request === body.request,
    "/body/outcome/record/transaction/statement/body/request",
    "names-other",
    {
      got: statement.body.request,
    },
  );
  if (outcome.kind === "withheld") return;
  const released = bodyOf(outcome);
  const { document } = outcome.result;
  expectSalted(findings, "/body/outcome/result", outcome.result, released.resultDigest);
  const expected = { request: body.request, computation: body.computation, receiver: opened.receiver };
  for (const [name, value] of Object.entries(expected)) {
    const got = document[name as keyof typeof expected];
    findings.expect(got === value, `${WHERE}/${name}`, "names-other", { expected: value, got });
  }
  findings.expect(sameList(document.contributors, survivors2), `${WHERE}/contributors`, "member-set");
  findings.expect(sameList(document.rules, released.rules), `${WHERE}/rules`, "rules-mismatch");
  // What these rules withheld rests on sums that nobody but the receiver saw; that it had to apply them does not.
  const wanted = outputRulesOf(body.opened.policy.document.policies);
  findings.expect(sameJson(document.outputRules ?? null, wanted ?? null), `${WHERE}/outputRules`, "rules-mismatch");
  const { measures } = body.opened.layout.document.layout.query;
  for (const [at, cell] of document.cells.entries()) {
    const broken = wanted?.rounding === undefined ? undefined : brokenBase(cell, measures, wanted.rounding);
    if (broken === undefined) continue;
    findings.fail(`${WHERE}/cells/${at}/value`, "not-rounded", { base: broken.base, got: cell.value ?? "" });
  }
  const withheld = document.cells.filter((cell) => cell.withheld !== undefined).length;
  for (const [where, got] of [
    [`${WHERE}/withheldCells`, document.withheldCells],
    ["/body/outcome/record/transaction/statement/body/withheldCells", released.withheldCells],
  ] as const) {
    findings.expect(got === withheld, where, "withheld-count", { expected: withheld, got });
  }
};

/** Each measure once for each atom, with the parts its statistic has; margins only beside them; nothing else. */
export const checkResultShape: Check = (evidence, findings) => {
  const { outcome, opened } = evidence.body;
  if (outcome.kind === "withheld") return;
  const { layout } = opened.layout.document;
  const parts = new Map(layout.query.measures.map(({ id, statistic }) => [id, partsOf(statistic)]));
  const isTotalled = layout.query.totals === true;
  const marginParts = new Map(
    layout.query.measures.map(({ id, statistic }) => [id, isTotalled ? partsOf(statistic) : marginPartsOf(statistic)]),
  );
  const codes = new Map(layout.domains.map((domain) => [domain.name, new Set(domain.codes)]));
  const levels = new Map(layout.domains.map(({ name, within = {} }) => [name, new Set(Object.values(within))]));
  const seen = new Set<string>();
  let full = 0;
  for (const [at, cell] of outcome.result.document.cells.entries()) {
    const where = `${WHERE}/cells/${at}`;
    const isMargin = layout.domains.some(({ name }) => !codes.get(name)!.has(cell.group[name] ?? ""));
    const known = (isMargin ? marginParts : parts).get(cell.measure)?.includes(cell.part ?? "") === true;
    findings.expect(known, `${where}/measure`, "shape", { measure: cell.measure, part: cell.part ?? "" });
    const inDomains = Object.entries(cell.group).every(([name, code]) =>
      layout.domains.some(
        (domain) => domain.name === name && (codes.get(name)!.has(code) || levels.get(name)!.has(code)),
      ),
    );
    findings.expect(inDomains, `${where}/group`, "shape");
    const key = `${cell.measure}\n${cell.part ?? ""}\n${layout.domains.map(({ name }) => cell.group[name] ?? "*").join("\n")}`;
    findings.expect(!seen.has(key), where, "shape", { twice: cell.measure });
    seen.add(key);
    if (!isMargin) full += 1;
    const says = [cell.value !== null, cell.withheld !== undefined, cell.undefined !== undefined].filter(Boolean);
    findings.expect(says.length === 1, `${where}/value`, "shape", { statements: says.length });
  }
  const each = [...parts.values()].reduce((sum, list) => sum + list.length, 0);
  findings.expect(full === layout.atoms * each, `${WHERE}/cells`, "shape", {
    expected: layout.atoms * each,
    got: full,
  });
  if (layout.query.totals !== true) return;
  const places = layout.domains.reduce(
    (product, { codes, within = {} }) => product * (codes.length + new Set(Object.values(within)).size + 1),
    1,
  );
  findings.expect(seen.size === places * each, `${WHERE}/cells`, "shape", { expected: places * each, got: seen.size });
  // Where no rounding to multiples adds up, each figure is rounded by itself.
  if (outcome.result.document.outputRules?.rounding === undefined) expectSums(evidence, findings);
};

const ADDED: readonly string[] = ["sum", "count", "weighted-sum"];

/** A published total is the sum of what is published below it in one dimension, where all of it is. */
function expectSums({ body }: Evidence, findings: Findings): void {
  if (body.outcome.kind === "withheld") return;
  const { domains, query } = body.opened.layout.document.layout;
  const { cells } = body.outcome.result.document;
  const keyOf = (measure: string, group: ResultCell["group"]) =>
    JSON.stringify([measure, ...domains.map(({ name }) => group[name] ?? null)]);
  const values = new Map(cells.map(({ measure, group, value }) => [keyOf(measure, group), value]));
  const added = new Set(query.measures.flatMap(({ id, statistic }) => (ADDED.includes(statistic.kind) ? [id] : [])));
  /** By dimension: what lies right below each level, and below the total. */
  const below = domains.map(({ name, codes, within = {} }) => ({
    name,
    known: new Set(codes),
    parts: Map.groupBy(new Set([...codes, ...Object.keys(within), ...Object.values(within)]), (code) =>
      Object.hasOwn(within, code) ? within[code] : undefined,
    ),
  }));
  for (const [at, { measure, group, value }] of cells.entries()) {
    if (value === null || !added.has(measure)) continue;
    for (const { name, known, parts: places } of below) {
      if (known.has(group[name] ?? "")) continue;
      const parts = (places.get(group[name]) ?? []).map(
        (code) => values.get(keyOf(measure, { ...group, [name]: code })) ?? null,
      );
      if (parts.includes(null)) continue;
      const expected = decimalSum(parts as string[]);
      findings.expect(sameDecimal(expected, value), `${WHERE}/cells/${at}/value`, "total-differs", {
        expected,
        got: value,
      });
    }
  }
}

/**
 * A figure stands on opened atoms; an atom that was not opened is below the minimum, or what the left-out rule takes as
 * the complement of others. Every withheld figure says the same.
 */
export const checkWithheldCells: Check = (evidence, findings) => {
  const { body } = evidence;
  if (body.outcome.kind === "withheld") return;
  const { layout } = body.opened.layout.document;
  const bits = bitsOf(body.bitmap, layout.atoms);
  if (bits === undefined) return findings.fail("/body/bitmap", "bitmap");
  const facts = cellFacts(evidence);
  const isEmpty = (atom: number) => evidence.opened.cells.mode === "registry" && facts.atoms[atom]?.count === 0;
  const complements = bits.every(Boolean) ? new Set<number>() : complementsOf(evidence, facts);
  for (const [at, cell] of body.outcome.result.document.cells.entries()) {
    const where = `${WHERE}/cells/${at}`;
    const atoms = atomsOf(evidence, cell);
    if (cell.withheld === undefined) {
      // In a total there may be cells that nobody is in, which are never opened.
      const opened =
        atoms.some((atom) => bits[atom] === true) &&
        atoms.every((atom) => bits[atom] === true || (atoms.length > 1 && isEmpty(atom)));
      findings.expect(atoms.length > 0 && opened, where, "released-cell", { measure: cell.measure });
    } else {
      expectReason(evidence, findings, { where, cell, atoms, facts, bits, complements });
    }
  }
};

function expectReason(
  { opened, body }: Evidence,
  findings: Findings,
  at: {
    readonly where: string;
    readonly cell: ResultCell;
    readonly atoms: readonly number[];
    readonly facts: ReturnType<typeof cellFacts>;
    readonly bits: readonly boolean[];
    readonly complements: ReadonlySet<number>;
  },
): void {
  const { cell, facts, bits, complements, where } = at;
  const [atom] = at.atoms;
  // Which of several figures was too small by itself is for the receiver to know.
  findings.expect(cell.withheld === WITHHELD, `${where}/withheld`, "withheld-code", { got: cell.withheld ?? "" });
  // Why opened cells and margins are (dominance, differencing) rests on what the ledger does not show.
  if (at.atoms.length !== 1 || atom === undefined) return;
  const { colluders, need } = opened.constants;
  const most = mostNeeded(need, colluders, body.opened.layout.document.layout.momentMargin);
  const { count = 0, fits = false } = facts.atoms[atom] ?? {};
  const isBelow = !fits || count < most;
  const explained = bits[atom] === true || isBelow || complements.has(atom);
  findings.expect(explained, where, "withheld-cell", { atom, need: most, got: count });
}

/** Atoms a group covers: one for a full cell, several for a margin. */
function atomsOf({ body }: Evidence, { group }: ResultCell): readonly number[] {
  const { domains } = body.opened.layout.document.layout;
  return domains.reduce<readonly number[]>(
    (atoms, { name, codes, within }) => {
      const code = group[name];
      const leaves = code === undefined ? codes : codes.includes(code) ? [code] : leavesOf({ codes, within }, code);
      const digits = leaves.length === 0 ? [-1] : leaves.map((leaf) => codes.indexOf(leaf));
      return digits.some((digit) => digit < 0)
        ? []
        : atoms.flatMap((atom) => digits.map((digit) => atom * codes.length + digit));
    },
    [0],
  );
}

interface DomainView {
  readonly codes: readonly string[];
  readonly within?: Readonly<Record<string, string>>;
}

/** Codes below a level, however far. */
const leavesOf = ({ codes, within = {} }: DomainView, level: string): readonly string[] =>
  codes.filter((code) => {
    const seen = new Set<string>();
    for (let up: string | undefined = code; up !== undefined && !seen.has(up); ) {
      seen.add(up);
      up = Object.hasOwn(within, up) ? within[up] : undefined;
      if (up === level) return true;
    }
    return false;
  });

interface StatisticView {
  readonly kind: string;
  readonly independents?: readonly string[];
  readonly probabilities?: readonly string[];
}

/** A quantile is read from the rows of all classes; each other figure of several atoms has the parts it has of one. */
function marginPartsOf(statistic: StatisticView): readonly string[] {
  if (statistic.kind !== "quantile") return partsOf(statistic);
  return (statistic.probabilities ?? []).flatMap((one) => [`${one}:from`, `${one}:to`, `${one}:estimate`]);
}

function partsOf(statistic: StatisticView): readonly string[] {
  if (statistic.kind === "distinct") return ["estimate", "relative-error"];
  if (statistic.kind === "quantile") return ["rows"];
  if (statistic.kind !== "regression") return [""];
  const coefficients = (statistic.independents ?? []).map((element) => `coefficient:${element}`);
  return ["intercept", ...coefficients, "r-squared", "rows"];
}
