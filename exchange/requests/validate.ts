/**
 * Checks a data request before anybody signs or decides on it. Every problem is listed at once: a malformed part hides
 * nothing of what is wrong with the others.
 */
import { Compile } from "typebox/compile";
import { formProblems } from "../../policies/form/form-problems.ts";
import type { Asset } from "../../policies/model/asset.ts";
import type { ProblemParameters } from "../../policies/model/problem.ts";
import type { Query } from "../../policies/model/query.ts";
import { type Readable, readParts } from "../../policies/model/readable-parts.ts";
import { DataRequest } from "../../policies/model/request.ts";
import { isAdditive } from "../statistics/margins.ts";
import type { REQUEST_PROBLEM_CODES, RequestProblem } from "./errors.ts";
import type { Directory, DirectoryMember } from "./ports.ts";

const compiled = Compile(DataRequest);

export const MAX_REQUEST_BYTES = 256 * 1024;
/** More assets than this are not listed at an element that they lack. */
const SHOWN_ASSETS = 5;
const SHOWN_ELEMENTS = 20;

export interface ValidationContext {
  readonly directory: Pick<Directory, "member" | "asset" | "attributes" | "request">;
  /** Public metadata of an asset, where this node has them or can get them. */
  readonly metadata?: (asset: string) => Promise<Asset | undefined>;
  /** UTC with Z. */
  readonly now: string;
  /** Whether a request without a form lacks all of it. */
  readonly wantsForm?: boolean;
}

/** Keys of a statistic that name elements. */
const NAMING = ["element", "numerator", "denominator", "x", "y", "dependent", "independents", "terms", "top", "bottom"];

type Add = (field: string, code: (typeof REQUEST_PROBLEM_CODES)[number], parameters?: ProblemParameters) => void;
type Request = Readable<DataRequest>;
type ReadableQuery = Readable<Query>;

/** Problems of a value that should be a DataRequest; empty when it is fit to be submitted. */
export async function problemsOf(input: unknown, context: ValidationContext): Promise<readonly RequestProblem[]> {
  const read = readParts(DataRequest, compiled, input);
  const request: Request = read.readable;
  const found: RequestProblem[] = [];
  const add: Add = (field, code, parameters = {}) => void found.push({ field, code, parameters });
  checkDates(request, context.now, add);
  checkQuery(request, add);
  if (request.purpose?.text?.trim() === "") add("purpose.text", "text-blank");
  if (request.legalBasis?.text?.trim() === "") add("legalBasis.text", "text-blank");
  await checkRoles(request, context, add);
  const assets = await checkAssets(request, context, add);
  checkElements(request.query, assets, add);
  if (request.form !== undefined || context.wantsForm === true) found.push(...problemsOfForm(request, assets));
  await checkAttributes(request.query, context, add);
  await checkAppeal(request, context, add);
  return read.with(found) as readonly RequestProblem[];
}

function checkDates({ validity, query }: Request, now: string, add: Add): void {
  for (const [at, span] of Object.entries({ validity, "query.period": query?.period })) {
    const { from, to } = span ?? {};
    for (const [end, date] of Object.entries({ from, to })) {
      if (date !== undefined && !isDate(date)) add(`${at}.${end}`, "not-a-date", { got: date });
    }
    if (from !== undefined && to !== undefined && from > to) add(at, "period-inverted", { from, to });
  }
  const today = now.slice(0, 10);
  if (validity?.to !== undefined && validity.to < today)
    add("validity.to", "validity-over", { to: validity.to, today });
}

function checkQuery({ query, receiverMode, join, encryptedQuery }: Request, add: Add): void {
  const repeatedAt = (keys: readonly (string | undefined)[]): readonly number[] =>
    [...keys.keys()].filter((index) => keys[index] !== undefined && keys.indexOf(keys[index]) !== index);
  const ids = (query?.measures ?? []).map((measure) => measure?.id);
  for (const index of repeatedAt(ids))
    add(`query.measures.${index}.id`, "measure-id-repeated", { id: ids[index] ?? "" });
  const groups = query?.groupBy ?? [];
  for (const index of repeatedAt(groups.map((group) => JSON.stringify(group)))) {
    add(`query.groupBy.${index}`, "dimension-named-twice");
  }
  if (query?.totals === true && (join !== undefined || encryptedQuery !== undefined)) {
    add("query.totals", "totals-of-computations");
  }
  if (query?.totals === true && groups.length === 0) add("query.totals", "totals-need-dimensions");
  for (const [index, group] of groups.entries()) {
    const isClassed = group !== undefined && "element" in group && group.edges !== undefined;
    if (query?.totals === true && isClassed) add(`query.groupBy.${index}`, "totals-not-of-classes");
  }
  for (const [index, measure] of (query?.measures ?? []).entries()) {
    const { id = "", statistic } = measure ?? {};
    if (query?.totals !== true || statistic?.kind === undefined) continue;
    const isOver = groups.every((group) => group !== undefined && "attribute" in group);
    if (!isAdditive(statistic.kind, isOver)) add(`query.measures.${index}`, "totals-not-additive", { measure: id });
  }
  if (receiverMode === "direct" && groups.length > 1) add("query.groupBy", "direct-one-dimension");
}

/** Separation of roles, secure-aggregation.md section 1. */
async function checkRoles(request: Request, { directory }: ValidationContext, add: Add): Promise<void> {
  const find = async (field: string, id: string | undefined): Promise<DirectoryMember | undefined> => {
    const member = id === undefined ? undefined : await directory.member(id);
    if (id === undefined) return undefined;
    if (member === undefined) add(field, "member-not-known", { member: id });
    else if (!member.active) add(field, "member-not-active", { member: id });
    return member;
  };
  const requester = await find("requester", request.requester);
  const receiver = await find("receiver", request.receiver);
  const coordinator = await find("coordinator", request.coordinator);
  for (const [index, id] of (request.recipients ?? []).entries()) await find(`recipients.${index}`, id);
  const sameGroup = (a?: DirectoryMember, b?: DirectoryMember) =>
    a !== undefined && b !== undefined && a.holdingGroup === b.holdingGroup;
  if (sameGroup(coordinator, receiver)) add("coordinator", "coordinator-with-receiver");
  if (sameGroup(coordinator, requester)) add("coordinator", "coordinator-with-requester");
  const { receiverMode } = request;
  if (receiverMode === "direct" && request.receiver !== undefined && request.receiver !== request.requester) {
    add("receiver", "direct-receiver", { requester: request.requester ?? "–" });
  }
  if (receiverMode === "reviewed" && sameGroup(receiver, requester)) add("receiver", "receiver-with-requester");
  for (const [field, member] of Object.entries({ coordinator, receiver })) {
    if (member !== undefined && member.endpoint === undefined) add(field, "no-endpoint", { member: member.id });
  }
}

/** The public metadata of the assets that exist, where they can be had. */
async function checkAssets(request: Request, context: ValidationContext, add: Add): Promise<readonly Asset[]> {
  const ids = request.assets ?? [];
  const registered = await Promise.all(ids.map((id) => (id === undefined ? undefined : context.directory.asset(id))));
  for (const [index, asset] of ids.entries()) {
    if (asset === undefined) continue;
    if (registered[index] === undefined) add(`assets.${index}`, "asset-not-registered", { asset });
    else if (registered[index].withdrawn) add(`assets.${index}`, "asset-withdrawn", { asset });
  }
  const active = registered.filter((asset) => asset?.withdrawn === false).map((asset) => asset?.id ?? "");
  const known = await Promise.all([...new Set(active)].map((asset) => context.metadata?.(asset)));
  return known.filter((asset) => asset !== undefined);
}

/** By what the assets declare, as far as their metadata can be had. */
function problemsOfForm({ form, query, join, recipients, territory }: Request, assets: readonly Asset[]) {
  const key = join?.element === undefined ? [] : [join.element];
  const elements = [...new Set([...namedElements(query).map(({ element }) => element), ...key])];
  const read = assets.flatMap((asset) =>
    asset.fields.filter(({ element }) => elements.includes(element)).map((field) => ({ asset, field })),
  );
  return formProblems(form ?? {}, {
    elements,
    recipients: (recipients ?? []).filter((one) => one !== undefined),
    territory,
    isPersonal: read.some(({ field }) => field.personal === true),
    isImportant: read.some(({ asset, field }) => (field.grade ?? asset.grade).legal !== "general"),
  });
}

function checkElements(query: ReadableQuery | undefined, assets: readonly Asset[], add: Add): void {
  const shared = (assets[0]?.fields ?? [])
    .map(({ element }) => element)
    .filter((element) => assets.every(({ fields }) => fields.some((field) => field.element === element)));
  const known = shared.length === 0 ? "–" : listOf(shared, SHOWN_ELEMENTS);
  const having = new Map(assets.map((asset) => [asset.id, new Set(asset.fields.map(({ element }) => element))]));
  for (const { at, element } of namedElements(query)) {
    const without = [...having].flatMap(([asset, elements]) => (elements.has(element) ? [] : [asset]));
    if (without.length === 0) continue;
    add(at, "element-not-in-asset", { element, assets: listOf(without, SHOWN_ASSETS), known });
  }
}

const listOf = (names: readonly string[], most: number): string =>
  `${names.slice(0, most).join(", ")}${names.length > most ? ", …" : ""}`;

interface NamedElement {
  readonly at: string;
  readonly element: string;
}

function namedElements(query: ReadableQuery | undefined): readonly NamedElement[] {
  const found: NamedElement[] = [];
  const name = (at: string, element: unknown): void => {
    if (typeof element === "string") found.push({ at, element });
    else if (typeof element === "object" && element !== null) {
      const { element: inner, where } = element as { readonly element?: unknown; readonly where?: unknown };
      name(`${at}.element`, inner);
      if (where !== undefined) name(`${at}.where`, where);
    }
  };
  for (const [index, measure] of (query?.measures ?? []).entries()) {
    const at = `query.measures.${index}`;
    for (const [key, value] of Object.entries(measure?.statistic ?? {})) {
      if (!NAMING.includes(key)) continue;
      if (!Array.isArray(value)) name(`${at}.statistic.${key}`, value);
      else for (const [place, element] of value.entries()) name(`${at}.statistic.${key}.${place}`, element);
    }
    for (const element of Object.keys(measure?.units ?? {})) name(`${at}.units.${element}`, element);
  }
  for (const [index, group] of (query?.groupBy ?? []).entries()) {
    if (group !== undefined && "element" in group) name(`query.groupBy.${index}.element`, group.element);
  }
  for (const [index, filter] of (query?.filters ?? []).entries())
    name(`query.filters.${index}.element`, filter?.element);
  return found;
}

async function checkAttributes(query: ReadableQuery | undefined, context: ValidationContext, add: Add): Promise<void> {
  const known = Object.keys(await context.directory.attributes());
  for (const [index, group] of (query?.groupBy ?? []).entries()) {
    if (group === undefined || !("attribute" in group) || group.attribute === undefined) continue;
    const { attribute } = group;
    if (known.includes(attribute)) continue;
    add(`query.groupBy.${index}.attribute`, "attribute-not-registered", { attribute, known: known.join(", ") || "–" });
  }
}

/** Whether it comes in time each provider says by its own calendar. */
async function checkAppeal({ appeal, requester }: Request, { directory }: ValidationContext, add: Add): Promise<void> {
  if (appeal?.request === undefined) return;
  const earlier = await directory.request(appeal.request);
  if (earlier === undefined || earlier.requester !== requester) add("appeal.request", "appeal-unknown");
  else if (earlier.refusedAt === undefined) add("appeal.request", "appeal-not-refused");
}

const isDate = (text: string): boolean => {
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().slice(0, 10) === text;
};
