/**
 * The same decision written down once more, straight from the policy document and without any explanation: a second
 * opinion for tests, and what a decision costs that only says yes or no. Shares no code with the rules.
 */
import type { Asset } from "../model/asset.ts";
import type { DecisionContext } from "../model/context.ts";
import type { Constraint, Policy } from "../model/policy.ts";
import type { DataRequest } from "../model/request.ts";

type Field = Asset["fields"][number];
type Statistic = DataRequest["query"]["measures"][number]["statistic"];

/** Of a policy and documents whose shape was checked before. */
export function plainDecision(
  policy: Policy,
  request: DataRequest,
  asset: Asset,
  context: DecisionContext,
): "permit" | "refuse" | "wait" {
  const use = policy.permission.find(({ action }) => action === "use")!;
  const right = (from: readonly Constraint[] | undefined, name: string, operator = "isAnyOf"): unknown =>
    from?.find((one) => one.leftOperand === name && one.operator === operator)?.rightOperand;
  const term = (name: string, operator?: string) => right(use.constraint, name, operator);
  const list = (name: string) => term(name) as readonly string[] | undefined;
  const forbidden = (name: string) =>
    (policy.prohibition ?? []).flatMap(({ constraint }) => (right(constraint, name) as string[]) ?? []);
  const duty = (action: string) => use.duty?.find((one) => one.action === action);
  const isForbidden = (action: string) => (policy.prohibition ?? []).some((one) => one.action === action);
  const opens = (action: string, element: string) =>
    policy.permission.filter(
      (one) =>
        one.action === action && ((right(one.constraint, "sealane:element") as string[]) ?? []).includes(element),
    );
  const number = (name: string, operator: string, silent: number) => Number(term(name, operator) ?? silent);
  const only = (element: string): Field | undefined => {
    const found = asset.fields.filter((field) => field.element === element);
    return found.length === 1 ? found[0] : undefined;
  };
  const isNumber = (field: Field | undefined) => field?.type === "decimal" || field?.type === "integer";
  const codesOf = (field: Field) =>
    Object.hasOwn(asset.codeTables, field.codeTable ?? " ") ? asset.codeTables[field.codeTable!] : undefined;
  const { query } = request;
  const { provider, requester, receiver, coordinator, sequencer, attributes } = context;

  function readColumns(): readonly Field[] {
    const names: unknown[] = query.measures.flatMap(({ statistic }) => columnsOf(statistic));
    names.push(...query.filters.map((one) => one.element));
    names.push(...query.groupBy.map((one) => ("element" in one ? one.element : undefined)));
    const { period, unit } = asset;
    const cuts =
      query.period !== undefined &&
      period !== undefined &&
      (period.from < query.period.from || period.to > query.period.to);
    return asset.fields.filter(
      ({ element, name }) =>
        names.includes(element) ||
        element === request.join?.element ||
        (cuts && name === period.field) ||
        (unit.kind === "field" && name === unit.field && query.measures.some((one) => one.statistic.kind === "count")),
    );
  }

  const isSound = (): boolean => {
    if (policy.target !== asset.id || policy.assigner !== asset.provider || provider.id !== asset.provider)
      return false;
    if (!request.assets.includes(asset.id)) return false;
    // Roles.
    if (requester?.id !== request.requester || receiver?.id !== request.receiver) return false;
    if (coordinator?.id !== request.coordinator || sequencer === undefined) return false;
    for (const one of [requester, receiver, coordinator, sequencer]) {
      if (one.id === provider.id || one.holdingGroup === provider.holdingGroup) return false;
    }
    const same = (a: { id: string; holdingGroup: string }, b: { id: string; holdingGroup: string }) =>
      a.id === b.id || a.holdingGroup === b.holdingGroup;
    if (same(coordinator, receiver)) return false;
    if (same(coordinator, sequencer) && term("sealane:coordinatorMayBeSequencer", "eq") !== "true") return false;
    // Who, what for, where.
    if (!list("sealane:requesterKind")?.includes(requester.kind)) return false;
    if (list("sealane:requester")?.includes(request.requester) === false) return false;
    if (forbidden("sealane:requester").includes(request.requester)) return false;
    const label = requester.attributes?.clearance ?? "";
    if (list("sealane:clearance")?.includes(label) === false) return false;
    if (!list("purpose")?.includes(request.purpose.code) || forbidden("purpose").includes(request.purpose.code))
      return false;
    if (list("sealane:legalBasis")?.includes(request.legalBasis.code) === false) return false;
    if (list("sealane:scenario")?.includes(request.scenario) === false) return false;
    const holds = (outer: string, inner: string) => `${inner}-`.startsWith(`${outer}-`);
    const place = request.territory;
    if (!(list("spatial") ?? ["CN"]).some((outer) => holds(outer, place))) return false;
    if (forbidden("spatial").some((one) => holds(one, place) || holds(place, one))) return false;
    const others = request.recipients.filter((one) => one !== request.requester && one !== request.receiver);
    if (others.length > 0 && isForbidden("distribute")) return false;
    if ([request.requester, request.receiver, ...others].some((one) => forbidden("recipient").includes(one)))
      return false;
    if (others.some((one) => !(list("recipient") ?? []).includes(one))) return false;
    // When, how often, how long.
    const at = Date.parse(context.now);
    const from = term("dateTime", "gteq");
    if (from !== undefined && !(at >= Date.parse(from as string))) return false;
    if (!(at <= Date.parse(term("dateTime", "lteq") as string))) return false;
    if (!(at <= Date.parse(`${request.validity.to}T16:00:00Z`) - 1)) return false;
    if (!(Date.parse(request.validity.from) <= Date.parse(request.validity.to))) return false;
    if (!(Date.parse(request.createdAt) - 300_000 <= at)) return false;
    if (context.usesSoFar >= number("count", "lteq", Number.POSITIVE_INFINITY)) return false;
    if (readColumns().some(({ personal }) => personal === true)) {
      if (list("sealane:legalBasis") === undefined || duty("delete") === undefined) return false;
    }
    const days = right(duty("delete")?.constraint, "sealane:retentionDays", "lteq");
    if (request.retentionDays > Number(days ?? 365)) return false;
    // Who receives, and how.
    const methods = list("sealane:method") ?? ["mask", "bfv"];
    const isAlone = request.encryptedQuery !== undefined || request.join !== undefined;
    if (!isAlone && !methods.includes(request.method ?? "mask")) return false;
    if (!list("sealane:receiverMode")?.includes(request.receiverMode)) return false;
    if (request.receiverMode === "direct") {
      if (request.receiver !== request.requester || query.groupBy.length > 1) return false;
      if (query.measures.some(({ statistic }) => statistic.kind === "distinct")) return false;
    } else if (!list("sealane:releaseAuthority")?.includes(request.receiver) || same(requester, receiver)) return false;
    if (term("sealane:form", "eq") === "complete" && !formComplete()) return false;
    return columnsAllowed() && countsAllowed();
  };

  function formComplete(): boolean {
    const { form } = request;
    if (form === undefined) return false;
    const says = (...texts: (string | undefined)[]) => texts.every((one) => /\S/.test(one ?? ""));
    const { applicant, leavesCountry, personalInformation, importantData, commitments } = form;
    if (applicant === undefined || !says(applicant.person, form.scenario, form.deployment)) return false;
    if (!creditCodeHolds(applicant.creditCode ?? "")) return false;
    const digits = (applicant.phone ?? "").replace(/^\+/, "");
    if (!/^\d/.test(digits) || /[^\d -]/.test(digits) || digits.length < 5 || digits.length > 20) return false;
    const [, mailbox = "", host = "", ...rest] = /^(.*?)@(.*)$/s.exec(applicant.email ?? "") ?? [];
    if (mailbox === "" || rest.length > 0 || /[\s@]/.test(mailbox + host) || !host.slice(1, -1).includes("."))
      return false;
    const columns = readColumns();
    if (!columns.every(({ element }) => says(form.necessity?.[element]))) return false;
    if (!["aggregate-statistics", "ciphertext-computation"].includes(form.usage ?? "aggregate-statistics"))
      return false;
    if (form.frequency === undefined || form.calls === undefined || form.destruction === undefined) return false;
    const isHome = request.territory === "CN" || request.territory.startsWith("CN-");
    if (leavesCountry?.leaves === undefined || (!leavesCountry.leaves && !isHome)) return false;
    if (leavesCountry.leaves && !says(leavesCountry.assessment)) return false;
    if (form.onwardSharing === undefined || (!form.onwardSharing && request.recipients.length > 0)) return false;
    const graded = columns.length === 0 ? [asset.grade] : columns.map(({ grade }) => grade ?? asset.grade);
    const involved: readonly [typeof personalInformation, boolean][] = [
      [personalInformation, columns.some(({ personal }) => personal === true)],
      [importantData, graded.some(({ legal }) => legal !== "general")],
    ];
    for (const [told, isDeclared] of involved) {
      if (told?.involved === undefined || (isDeclared && !told.involved)) return false;
      if (told.involved && !says(told.assessment)) return false;
    }
    return commitments?.confidentiality === true && commitments.agreement === true;
  }

  const classed = (element: string) =>
    query.groupBy.some((one) => "element" in one && one.element === element && one.edges !== undefined);
  const closed = (element: string) => forbidden("sealane:element").includes(element);
  const isUnique = (names: readonly string[]) => new Set(names).size === names.length;

  function columnsAllowed(): boolean {
    if (!isUnique(query.measures.map(({ id }) => id))) return false;
    for (const { statistic, units = {} } of query.measures) {
      const elements = columnsOf(statistic);
      if (statistic.kind === "count" && !policy.permission.some(({ action }) => action === "sealane:countUnits"))
        return false;
      if (statistic.kind === "count" && !unitCountable()) return false;
      if (!isUnique(elements)) return false;
      if ((statistic.kind === "histogram" || statistic.kind === "quantile") && !classed(statistic.element))
        return false;
      for (const element of elements) {
        const field = only(element);
        if (field === undefined || closed(element)) return false;
        if (statistic.kind === "weighted-sum" || statistic.kind === "weighted-ratio") {
          if (!isNumber(field) || field.bounds === undefined || identifies(element)) return false;
          continue;
        }
        const lists = opens("aggregate", element).map((one) => right(one.constraint, "sealane:function") as string[]);
        if (!lists.some((functions) => functions.includes(statistic.kind))) return false;
        const totals = (name: string) => ["sum", "mean"].some((one) => functionsFor(name).includes(one));
        const tells = (name: string) => functionsFor(name).includes("ratio") && totals(name);
        if (statistic.kind === "ratio" && !totals(element) && opened().some(tells)) return false;
        if (statistic.kind === "distinct" ? field.type !== "code" && field.type !== "text" : !isNumber(field))
          return false;
        if (statistic.kind === "distinct") continue;
        if (field.bounds === undefined || identifies(element)) return false;
      }
      if (!weightsAllowed(statistic)) return false;
      for (const [element, unit] of Object.entries(units)) {
        const held = elements.includes(element) ? only(element)?.unit : undefined;
        if (held === undefined) return false;
        const { quantities = {} } = context;
        const known = Object.hasOwn(quantities, unit) && Object.hasOwn(quantities, held);
        if (held !== unit && !(known && quantities[unit] === quantities[held])) return false;
      }
    }
    return (
      query.filters.every(filterAllowed) &&
      isUnique(query.filters.map((one) => `${one.element} ${one.operator}`)) &&
      groupsAllowed()
    );
  }

  /** The column that says whose a row is, where one does. */
  function unitCountable({ unit } = asset): boolean {
    if (unit.kind !== "field") return true;
    const field = asset.fields.find(({ name }) => name === unit.field);
    return field !== undefined && !closed(field.element);
  }

  function weightsAllowed(statistic: Statistic): boolean {
    const lists =
      statistic.kind === "weighted-sum"
        ? [statistic.terms]
        : statistic.kind === "weighted-ratio"
          ? [statistic.top, statistic.bottom]
          : [];
    const listed = policy.permission
      .filter(({ action }) => action === "sealane:weigh")
      .flatMap(({ constraint }) => right(constraint, "sealane:weights") as (typeof lists)[number][]);
    const holds = (list: (typeof lists)[number], term: (typeof lists)[number][number]) =>
      list.some((one) => JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(term).sort()));
    const equal = (a: (typeof lists)[number], b: (typeof lists)[number]) =>
      a.length === b.length && a.every((term) => holds(b, term));
    if (!lists.every((list) => listed.some((one) => equal(list, one)))) return false;
    return lists.flat().every(({ where }) => {
      if (where === undefined) return true;
      const field = only(where.element);
      if (field?.type !== "code" || codesOf(field) === undefined) return false;
      return !closed(where.element) && !identifies(where.element);
    });
  }

  const functionsFor = (element: string) =>
    opens("aggregate", element).flatMap((one) => right(one.constraint, "sealane:function") as string[]);
  const opened = () =>
    policy.permission
      .filter(({ action }) => action === "aggregate")
      .flatMap((one) => right(one.constraint, "sealane:element") as string[]);
  const identifies = (element: string) =>
    asset.fields.some((field) => field.element === element && field.identity === true);

  function filterAllowed({ element, operator, values }: DataRequest["query"]["filters"][number]): boolean {
    const field = only(element);
    const [permission] = opens("sealane:filter", element);
    if (field === undefined || permission === undefined || closed(element) || identifies(element)) return false;
    const stated = (name: string) => right(permission.constraint, name);
    if (!(stated("sealane:predicate") as string[]).includes(operator)) return false;
    if (operator !== "isAnyOf" && values.length !== 1) return false;
    if (field.type === "text" || (field.type === "code" && operator.endsWith("teq"))) return false;
    if (field.type === "code" && !values.every((value) => codesOf(field)?.some(({ code }) => code === value)))
      return false;
    const literals = stated("sealane:value") as string[] | undefined;
    if (literals !== undefined) return values.every((value) => literals.includes(value));
    const classes = stated("sealane:partition") as { minimum: string; maximum: string }[] | undefined;
    if (classes === undefined) return field.type === "code";
    const bound = (wanted: string) =>
      query.filters.find((one) => one.element === element && one.operator === wanted)?.values[0];
    return classes.some(({ minimum, maximum }) => minimum === bound("gteq") && maximum === bound("lteq"));
  }

  function groupsAllowed(): boolean {
    const names = query.groupBy.map((one) => ("element" in one ? one.element : one.attribute));
    if (!isUnique(names) || names.length > 3) return false;
    return query.groupBy.every((one) => {
      if ("attribute" in one) {
        const listed = policy.permission
          .filter(({ action }) => action === "sealane:groupBy")
          .flatMap(({ constraint }) => (right(constraint, "sealane:attribute") as string[]) ?? []);
        return listed.includes(one.attribute) && Object.hasOwn(attributes, one.attribute);
      }
      const field = only(one.element);
      const open = opens("sealane:groupBy", one.element);
      if (field === undefined || open.length === 0 || closed(one.element) || identifies(one.element)) return false;
      if (one.edges === undefined) return field.type === "code" && codesOf(field) !== undefined;
      const cuts = open.flatMap(({ constraint }) => (right(constraint, "sealane:edges") as string[][]) ?? []);
      const wanted = JSON.stringify(one.edges);
      return isNumber(field) && field.bounds !== undefined && cuts.some((cut) => JSON.stringify(cut) === wanted);
    });
  }

  function countsAllowed(): boolean {
    const { period } = query;
    if (period !== undefined) {
      const held = asset.period;
      if (!(Date.parse(period.from) <= Date.parse(period.to)) || held === undefined) return false;
      if (period.to < held.from || period.from > held.to) return false;
      if (period.from > held.from || period.to < held.to) {
        const cut = asset.fields.find(({ name }) => name === held.field);
        if (held.field === undefined || cut?.identity === true || closed(cut?.element ?? "")) return false;
        const starts = { day: /./, month: /-01$/, quarter: /-(01|04|07|10)-01$/, year: /-01-01$/ };
        const step = starts[(term("sealane:periodStep", "eq") as keyof typeof starts | undefined) ?? "month"];
        const next = new Date(Date.parse(period.to) + 864e5).toISOString().slice(0, 10);
        if (!step.test(period.from) || !step.test(next) || cut === undefined) return false;
      }
    }
    if (!roundingAllowed()) return false;
    if (request.join !== undefined) return request.receiverMode === "direct" && joinAllowed(request.join);
    if (request.encryptedQuery !== undefined)
      return request.receiverMode === "direct" && answersAllowed(request.encryptedQuery.figures);
    if (term("sealane:privacy", "eq") === undefined && context.privacyLeft !== undefined) return false;
    const always = (element: string) => only(element)?.alwaysPresent === true;
    const { unit } = asset;
    const unitAlways =
      unit.kind === "provider" ||
      asset.fields.some(({ name, alwaysPresent }) => name === unit.field && alwaysPresent === true);
    const isCounted =
      query.groupBy.some((one) => "element" in one && one.edges !== undefined) ||
      query.measures.some(({ statistic }) => JSON.stringify(statistic).includes('"where"')) ||
      !query.measures.every(({ statistic }) =>
        statistic.kind === "count" ? unitAlways : columnsOf(statistic).every(always),
      );
    if (term("sealane:privacy", "eq") !== undefined && (isCounted || !noiseAllowed())) return false;
    const least = number("sealane:minimumUnits", "gteq", unit.kind === "field" && isCounted ? 10 : 0);
    if (term("sealane:counts", "eq") !== "open" && (isCounted || (unit.kind === "field" && least > 0))) return false;
    const colluders = number("sealane:colluders", "gteq", 1);
    const trusted =
      request.receiverMode === "reviewed" && list("sealane:exactMomentsTrusted")?.includes(request.receiver);
    const margins = query.measures.map(({ statistic }) => {
      if (statistic.kind === "variance" || statistic.kind === "standard-deviation")
        return trusted === true ? 0 : 5 + colluders;
      if (statistic.kind === "correlation") return 6 + colluders;
      return statistic.kind === "regression" ? statistic.independents.length + 5 + colluders : 0;
    });
    const wanted = Math.max(number("sealane:minimumOrganisations", "gteq", 5), 3 + colluders, ...margins);
    return new Set(request.assets.map((one) => one.slice(0, one.indexOf(":")))).size >= wanted;
  }

  /** A list within the sizes, a key that may be compared, and figures that a join tells; nothing where noise is wanted. */
  function joinAllowed({ operation, element, items, labels }: NonNullable<DataRequest["join"]>): boolean {
    if (term("sealane:privacy", "eq") !== undefined || request.encryptedQuery !== undefined) return false;
    if (request.assets.length !== 1 || list("sealane:joinOperation")?.includes(operation) !== true) return false;
    if (items < number("sealane:joinLeastItems", "gteq", 100)) return false;
    if (items > number("sealane:joinMostItems", "lteq", 1_000_000)) return false;
    const field = only(element);
    if ((field?.type !== "code" && field?.type !== "text") || closed(element)) return false;
    if (opens("sealane:join", element).length === 0) return false;
    const kinds = query.measures.map(({ statistic }) => statistic.kind);
    const held = asset.period;
    const cut = query.period && held && (query.period.from > held.from || query.period.to < held.to);
    if (operation === "intersection" && (cut === true || query.filters.length > 0)) return false;
    if (operation !== "statistics") {
      return kinds.length === 1 && kinds[0] === "count" && query.groupBy.length === 0 && labels === undefined;
    }
    return (
      kinds.every((kind) => kind === "count" || kind === "sum") &&
      query.groupBy.every((one) => "element" in one && one.edges === undefined)
    );
  }

  /** One provider answers by itself: of one table, what adds up, so many figures, and nothing where noise is wanted. */
  function answersAllowed(figures: number): boolean {
    if (term("sealane:privacy", "eq") !== undefined || request.assets.length > 1) return false;
    const adds = ["count", "sum", "weighted-sum", "histogram"];
    return (
      figures <= number("sealane:answers", "lteq", 0) &&
      query.measures.every((one) => adds.includes(one.statistic.kind))
    );
  }

  /** Figures of rounded counts and sums, in the unit that they are rounded in. */
  function roundingAllowed(): boolean {
    const rounded = term("sealane:rounding") as { element?: string; unit?: string }[] | undefined;
    if (rounded === undefined) return true;
    if (request.encryptedQuery !== undefined || request.join !== undefined) return false;
    if (rounded.some(({ element }) => element !== undefined && only(element) === undefined)) return false;
    return query.measures.every(({ statistic, units = {} }) => {
      if (!["count", "sum", "mean", "ratio", "histogram", "quantile"].includes(statistic.kind)) return false;
      if (!["sum", "mean", "ratio"].includes(statistic.kind)) return true;
      return columnsOf(statistic).every((name) =>
        rounded.every(({ element, unit }) => {
          const held = only(name)?.unit;
          return element !== name || (held === unit && (units[name] ?? held) === unit);
        }),
      );
    });
  }

  /** Sums of contributions that the policy bounds, and as much left as one release may be. */
  function noiseAllowed(): boolean {
    const { epsilon, delta, clips } = term("sealane:privacy", "eq") as {
      epsilon: string;
      delta?: string;
      clips?: { element: string }[];
    };
    const bounded = new Set((clips ?? []).map((clip) => clip.element));
    const { privacyLeft = 0 } = context;
    if (privacyLeft <= 0) return false;
    for (const { statistic } of query.measures) {
      if (!["count", "sum", "mean", "ratio", "histogram"].includes(statistic.kind)) return false;
      if (statistic.kind !== "histogram" && !columnsOf(statistic).every((one) => bounded.has(one))) return false;
    }
    // One billionth more than is left would be more than a release may be.
    return epsilonFor((privacyLeft + 1) / 1e9, Number(delta ?? "0.000001")) > Number(epsilon);
  }

  /** A refusal of one's own, in time. */
  const appealHeld = ({ appealed } = context): boolean =>
    request.appeal === undefined ||
    (appealed?.requester === request.requester &&
      appealed.until !== undefined &&
      new Date(appealed.filedAt) <= new Date(appealed.until));

  if (!appealHeld() || context.approval?.outcome === "refused") return "refuse";
  // Whatever there is against it, a person answers an appeal; nobody's word makes up for what is not sound.
  if (request.appeal !== undefined && context.approval === undefined) return "wait";
  if (!isSound()) return "refuse";
  const grades = readColumns().map(({ grade }) => grade ?? asset.grade);
  const isHigh = (grades.length === 0 ? [asset.grade] : grades).some(
    ({ legal, level }) => legal !== "general" || level === "L4",
  );
  const needsPerson = duty("sealane:obtainApproval") !== undefined || isHigh;
  return needsPerson && context.approval === undefined ? "wait" : "permit";
}

/** GB 32100-2015, with the standard's table of weights. */
function creditCodeHolds(code: string): boolean {
  const weights = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
  const values = [...code].map((one) => "0123456789ABCDEFGHJKLMNPQRTUWXY".indexOf(one));
  if (values.length !== 18 || values.includes(-1)) return false;
  const total = weights.reduce((sum, weight, at) => sum + weight * values[at]!, 0);
  return (total + values[17]!) % 31 === 0;
}

/** Canonne, Kamath and Steinke 2020, proposition 12, at every whole order that matters here. */
function epsilonFor(rho: number, delta: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let order = 2; order <= 5_000; order++) {
    const beyond = Math.log((1 - 1 / order) * (1 / (delta * order)) ** (1 / (order - 1)));
    least = Math.min(least, Math.max(0, rho * order + beyond));
  }
  return least;
}

function columnsOf(statistic: Statistic): readonly string[] {
  switch (statistic.kind) {
    case "count":
      return [];
    case "ratio":
      return [statistic.numerator, statistic.denominator];
    case "weighted-sum":
      return [...new Set(statistic.terms.map(({ element }) => element))];
    case "weighted-ratio":
      return [...new Set([...statistic.top, ...statistic.bottom].map(({ element }) => element))];
    case "correlation":
      return [statistic.x, statistic.y];
    case "regression":
      return [statistic.dependent, ...statistic.independents];
    default:
      return [statistic.element];
  }
}
