/**
 * Releases with noise, worked out once more apart from the nodes' code: that the opening has noise exactly where a policy
 * wants it, that the noise costs no more than the opening says and the policies allow, and that the document states the
 * standard errors that follow from it.
 */
import { digitsOf } from "../../chaincode/rules/cells.ts";
import { type Check, type Evidence, sameJson } from "./evidence.ts";
import { termOf, valueAt } from "./policy-term.ts";
import type { Findings } from "./problems.ts";
import type { ResultCell } from "./result.ts";

const OPENING = "/body/opened/record/transaction/statement/body/privacy";
const CELLS = "/body/outcome/result/document/cells";
const BILLION = 1e9;
/** Logarithms of two implementations may differ in their last digits. */
const SLACK = 1 + 1e-9;

interface Stated {
  readonly epsilon: number;
  readonly delta: number;
}

export const statedPrivacy = (policies: readonly unknown[]): readonly Stated[] =>
  policies.flatMap((policy) => {
    const term = termOf(policy, "sealane:privacy");
    if (term === undefined) return [];
    return [{ epsilon: Number(valueAt(term, "epsilon")), delta: Number(valueAt(term, "delta") ?? "0.000001") }];
  });

export const checkPrivacy: Check = (evidence, findings) => {
  const { body, opened } = evidence;
  const stated = statedPrivacy(body.opened.policy.document.policies);
  const { privacy } = opened;
  findings.expect((privacy !== undefined) === stated.length > 0, OPENING, "privacy-missing");
  const { outcome } = body;
  if (outcome.kind === "released") {
    const { document } = outcome.result;
    findings.expect(
      sameJson(document.privacy ?? null, privacy ?? null),
      "/body/outcome/result/document/privacy",
      "rules-mismatch",
    );
  }
  if (privacy === undefined) return;
  checkCost(evidence, privacy, stated, findings);
  if (outcome.kind === "withheld") return;
  for (const [at, cell] of outcome.result.document.cells.entries()) {
    const wanted = cell.value === null ? null : errorOf(evidence, privacy, cell);
    if (wanted === undefined) continue;
    const got = cell.standardError === undefined ? null : Number(cell.standardError);
    const isSame = wanted === null ? got === null : got !== null && Math.abs(got - wanted) <= wanted * 1e-3;
    findings.expect(isSame, `${CELLS}/${at}/standardError`, "standard-error", { got: cell.standardError ?? "" });
  }
};

type Opened = NonNullable<Evidence["opened"]["privacy"]>;

/** Agarwal, Kairouz and Liu 2021, theorem 3.5, and Canonne, Kamath and Steinke 2020, proposition 12, order by order. */
function checkCost(
  { opened, body, cohort }: Evidence,
  { cost, components }: Opened,
  stated: readonly Stated[],
  findings: Findings,
): void {
  const { layout } = body.opened.layout.document;
  const n = components.length;
  findings.expect(n === layout.components.length, `${OPENING}/components`, "count-mismatch");
  const cells = opened.cells.dimensions.reduce((m, { size, attribute }) => (attribute === undefined ? m * size : m), 1);
  const divergence = (order: number) =>
    components.reduce((sum, { steps, variance }) => {
      const [l1, l2] = [cells * steps, cells * steps * steps];
      const rest = Math.min(((2 * order - 1) * l2 + 6 * l1) / (4 * variance ** 2), (3 * l1) / (2 * variance));
      return sum + (order * l2) / (2 * variance) + rest;
    }, 0);
  for (const order of [2, 3, 5, 9, 17, 33, 65, 129]) {
    const holds = divergence(order) <= ((cost * order) / BILLION) * SLACK;
    if (!findings.expect(holds, `${OPENING}/cost`, "privacy-cost", { cost, order })) break;
  }
  for (const { epsilon, delta } of stated) {
    let least = Number.POSITIVE_INFINITY;
    for (let order = 2; order < 1e6; order = Math.max(order + 1, Math.floor(order * 1.02))) {
      const excess = (Math.log(1 / delta) - Math.log(order)) / (order - 1) + Math.log1p(-1 / order);
      least = Math.min(least, (cost * order) / BILLION + excess);
    }
    findings.expect(least <= epsilon * SLACK, `${OPENING}/cost`, "privacy-cost", { cost, epsilon });
  }
  findings.seen(cohort.length);
}

/** What is read here of the layout beside its view. */
interface Shape {
  readonly query: {
    readonly measures: readonly {
      readonly id: string;
      readonly statistic: { readonly kind: string; readonly element?: string };
      readonly units?: unknown;
    }[];
  };
  readonly components: readonly { readonly word?: unknown }[];
  readonly elements?: readonly { readonly element: string; readonly scale: number }[];
}

/** Of counts and sums; undefined: of figures that are divided from several. */
function errorOf({ opened, body, admitted, survivors2 }: Evidence, privacy: Opened, cell: ResultCell) {
  const layout = body.opened.layout.document.layout as unknown as Shape;
  const measure = layout.query.measures.find(({ id }) => id === cell.measure);
  const { kind, element } = measure?.statistic ?? { kind: "" };
  const word = {
    count: { kind: "units" },
    sum: { kind: "moment", factors: [element], complete: [element] },
    histogram: { kind: "moment", factors: [], complete: [element] },
  }[kind];
  if (word === undefined || measure?.units !== undefined) return undefined;
  const index = layout.components.findIndex((one) => sameJson(one.word, word));
  const component = privacy.components[index];
  if (component === undefined) return undefined;
  const { members, quorum, need, colluders } = opened.constants;
  const { dimensions } = opened.cells;
  const wanted = digitsOf(dimensions, cell.group);
  const inCell = (id: string) => sameJson(digitsOf(dimensions, admitted.get(id)?.record.attributes ?? {}), wanted);
  const cohort = opened.cohort.filter(({ member }) => inCell(member)).length;
  const honest = Math.max(need, cohort - (members - quorum)) - colluders;
  const share = 2 * Math.ceil(component.variance / (2 * honest));
  const granule = Number(component.granule);
  const rounding = granule === 1 ? 0 : 0.25;
  const scale = kind === "sum" ? (layout.elements?.find((one) => one.element === element)?.scale ?? 0) : 0;
  return (granule * Math.sqrt(survivors2.filter(inCell).length * (share + rounding))) / 10 ** scale;
}
