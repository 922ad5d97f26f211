/** Checks a data request before anybody signs or decides on it. Every problem is listed at once. */
import { Compile } from "typebox/compile";
import { describeSchemaErrors } from "../../policies/model/describe-schema-errors.ts";
import { DataRequest } from "../../policies/model/request.ts";
import type { Problem } from "./errors.ts";
import type { Directory, DirectoryMember } from "./ports.ts";

const compiled = Compile(DataRequest);

export const MAX_REQUEST_BYTES = 256 * 1024;

export interface ValidationContext {
  readonly directory: Pick<Directory, "member" | "asset">;
  /** UTC with Z. */
  readonly now: string;
}

/** Problems of a value that should be a DataRequest; empty when it is fit to be submitted. */
export async function problemsOf(input: unknown, context: ValidationContext): Promise<readonly Problem[]> {
  if (!compiled.Check(input)) {
    return describeSchemaErrors(DataRequest, compiled.Errors(input), input).map(({ field, message }) => ({
      field: field === "" ? "(document)" : field,
      code: "schema",
      detail: message,
    }));
  }
  const request = input as DataRequest;
  return [
    ...documentProblems(request, context.now),
    ...(await roleProblems(request, context)),
    ...(await assetProblems(request, context)),
  ];
}

function documentProblems(request: DataRequest, now: string): readonly Problem[] {
  const problems: Problem[] = [];
  const add = (field: string, code: string, detail: string) => problems.push({ field, code, detail });
  const { validity, query } = request;
  if (!isDate(validity.from)) add("validity.from", "date", `expected a calendar date, got ${validity.from}`);
  if (!isDate(validity.to)) add("validity.to", "date", `expected a calendar date, got ${validity.to}`);
  if (validity.from > validity.to) add("validity", "order", `ends ${validity.to} before it starts ${validity.from}`);
  if (validity.to < now.slice(0, 10))
    add("validity.to", "past", `${validity.to} is over; today is ${now.slice(0, 10)}`);
  if (query.period !== undefined) {
    for (const end of ["from", "to"] as const) {
      if (!isDate(query.period[end])) add(`query.period.${end}`, "date", `expected a calendar date`);
    }
    if (query.period.from > query.period.to) add("query.period", "order", "ends before it starts");
  }
  const ids = query.measures.map((measure) => measure.id);
  for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index))) {
    add("query.measures", "duplicate", `measure id ${id} is used more than once`);
  }
  const dimensions = query.groupBy.map((dimension) => JSON.stringify(dimension));
  if (new Set(dimensions).size !== dimensions.length) add("query.groupBy", "duplicate", "a dimension is named twice");
  if (request.receiverMode === "direct" && query.groupBy.length > 1) {
    add("query.groupBy", "direct-one-dimension", "direct mode allows one partition dimension; ask for reviewed");
  }
  if (request.purpose.text.trim() === "") add("purpose.text", "empty", "say what the figures are for");
  if (request.legalBasis.text.trim() === "") add("legalBasis.text", "empty", "cite the law, duty or contract");
  return problems;
}

/** Separation of roles, secure-aggregation.md section 1. */
async function roleProblems(request: DataRequest, { directory }: ValidationContext): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  const add = (field: string, code: string, detail: string) => problems.push({ field, code, detail });
  const find = async (field: string, id: string): Promise<DirectoryMember | undefined> => {
    const member = await directory.member(id);
    if (member === undefined) add(field, "unknown-member", `${id} is not a member of this network`);
    else if (!member.active) add(field, "inactive-member", `${id} is not an active member`);
    return member;
  };
  const requester = await find("requester", request.requester);
  const receiver = await find("receiver", request.receiver);
  const coordinator = await find("coordinator", request.coordinator);
  for (const [index, id] of request.recipients.entries()) await find(`recipients.${index}`, id);
  const sameGroup = (a?: DirectoryMember, b?: DirectoryMember) =>
    a !== undefined && b !== undefined && a.holdingGroup === b.holdingGroup;
  if (sameGroup(coordinator, receiver)) {
    add("coordinator", "roles-not-separate", "coordinator and receiver must belong to different holding groups");
  }
  if (sameGroup(coordinator, requester)) {
    add("coordinator", "roles-not-separate", "coordinator and requester must belong to different holding groups");
  }
  if (request.receiverMode === "direct" && request.receiver !== request.requester) {
    add("receiver", "direct-receiver", `direct mode: the receiver is the requester ${request.requester}`);
  }
  if (request.receiverMode === "reviewed" && sameGroup(receiver, requester)) {
    add("receiver", "roles-not-separate", "reviewed mode: receiver and requester must belong to different groups");
  }
  if (coordinator !== undefined && coordinator.endpoint === undefined) {
    add("coordinator", "no-endpoint", `${coordinator.id} has no peer endpoint; providers must be able to reach it`);
  }
  if (receiver !== undefined && receiver.endpoint === undefined) {
    add("receiver", "no-endpoint", `${receiver.id} has no peer endpoint; the coordinator must be able to reach it`);
  }
  return problems;
}

async function assetProblems(request: DataRequest, { directory }: ValidationContext): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const [index, id] of request.assets.entries()) {
    const field = `assets.${index}`;
    const asset = await directory.asset(id);
    if (asset === undefined) problems.push({ field, code: "unknown-asset", detail: `${id} is not registered` });
    else if (asset.withdrawn) problems.push({ field, code: "withdrawn-asset", detail: `${id} was withdrawn` });
  }
  return problems;
}

const isDate = (text: string): boolean => {
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().slice(0, 10) === text;
};
