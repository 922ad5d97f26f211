/**
 * Problem documents (RFC 9457): the one mapping from errors to HTTP. `code` and `parameters` are stable, clients
 * translate them; `detail` is in English, for whoever called wrongly. A 5xx says nothing about its cause.
 */
import { type Static, type TSchema, Type } from "typebox";
import type { TLocalizedValidationError } from "typebox/error";
import { closed } from "../../chaincode/rules/vocabulary.ts";
import { describeSchemaErrors } from "../../policies/model/describe-schema-errors.ts";
import type { Problem as FieldProblem } from "../../policies/model/problem.ts";
import { explain } from "../i18n/explain.ts";
import { createTexts } from "../i18n/text.ts";

/** What is wrong at one place; `parameters` fill the text of `code`. */
export const FieldError = closed({
  field: Type.String(),
  code: Type.String(),
  parameters: Type.Optional(
    Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()]), { additionalProperties: false }),
  ),
  detail: Type.String(),
});
export type FieldError = Static<typeof FieldError>;

export const PROBLEM_TYPE = "application/problem+json";

export const Problem = closed({
  type: Type.Literal("about:blank"),
  title: Type.String(),
  status: Type.Integer(),
  code: Type.String(),
  detail: Type.Optional(Type.String()),
  errors: Type.Optional(Type.Array(FieldError)),
});
export interface Problem {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
}

/** Code -> status. A code that is not listed is answered as an internal error. */
export const PROBLEM_STATUS: Readonly<Record<string, number>> = Object.freeze({
  ERR_HTTP_INVALID: 400,
  ERR_HTTP_UNAUTHENTICATED: 401,
  ERR_HTTP_FORBIDDEN: 403,
  ERR_HTTP_NOT_FOUND: 404,
  ERR_HTTP_METHOD: 405,
  ERR_HTTP_TIMEOUT: 408,
  ERR_HTTP_CONFLICT: 409,
  ERR_HTTP_TOO_LARGE: 413,
  ERR_HTTP_MEDIA_TYPE: 415,
  ERR_HTTP_RATE_LIMIT: 429,
  ERR_HTTP_HEADERS: 431,
  ERR_HTTP_AUDIT_STOPPED: 503,
  ERR_HTTP_STARTING: 503,
  ERR_HTTP_READ_ONLY: 507,

  ERR_PEER_UNSIGNED: 401,
  ERR_PEER_SIGNATURE: 401,
  ERR_PEER_AUDIENCE: 401,
  ERR_PEER_CLOCK_SKEW: 401,
  ERR_PEER_REPLAY: 401,
  ERR_PEER_UNKNOWN_MEMBER: 403,
  ERR_PEER_KEY_REPLACED: 403,
  ERR_PEER_BUSY: 429,
  // What another member did to us, told to our own operator.
  ERR_PEER_UNREACHABLE: 502,
  ERR_PEER_TLS_IDENTITY: 502,
  ERR_PEER_PROTOCOL: 502,
  ERR_PEER_TOO_LARGE: 502,
  ERR_PEER_REFUSED: 502,
  ERR_PEER_TIMEOUT: 504,

  ERR_NETWORK_ALREADY_IN_ONE: 409,
  ERR_NETWORK_NONE: 409,
  ERR_NETWORK_KEY_REPLACED: 409,
  ERR_NETWORK_ROTATION_PENDING: 409,
  ERR_NETWORK_SUITE: 409,
  ERR_NETWORK_NO_ENDPOINT: 409,
  ERR_NETWORK_KIND: 409,
  ERR_NETWORK_NOT_OPERATOR: 403,
  ERR_NETWORK_INVITATION_INVALID: 403,
  ERR_NETWORK_INVITATION_EXPIRED: 403,
  ERR_NETWORK_INVITATION_USED: 403,
  ERR_NETWORK_APPLICATION_INVALID: 400,
  ERR_NETWORK_APPLICATION_UNKNOWN: 404,
  ERR_NETWORK_MEMBER_EXISTS: 409,

  ERR_LEDGER_REJECTED: 409,
  ERR_LEDGER_FORK: 409,
  ERR_LEDGER_CORRUPT: 503,
  ERR_LEDGER_UNREACHABLE: 503,
  ERR_LEDGER_NO_QUORUM: 503,
  ERR_LEDGER_FULL: 507,
  ERR_LEDGER_QUOTA: 429,
  ERR_LEDGER_CLOSED: 503,
  ERR_LEDGER_PROFILE: 503,
  ERR_STORE_FULL: 507,
  ERR_STORE_ACCESS_LOG_STOPPED: 503,

  ERR_ASSET_UNKNOWN: 404,
  ERR_ASSET_SOURCE_FORBIDDEN: 403,
  ERR_ASSET_POLICY_INVALID: 400,
  ERR_ASSET_POLICY_UNCHANGED: 409,
  ERR_ASSET_POLICY_PERSONS: 403,
  ERR_ACTIVATION_UNKNOWN: 404,
  ERR_ACTIVATION_OVER: 409,
  ERR_ACTIVATION_SAME_PERSON: 403,
  ERR_ACTIVATION_ENOUGH: 409,
  ERR_ACTIVATION_TOO_MANY: 409,
  ERR_ACTIVATION_NO_STEWARDS: 409,
  ERR_ASSET_NO_POLICY: 404,
  ERR_ASSET_NO_PRIVACY: 404,
  ERR_ASSET_NOT_LISTED: 404,
  ERR_CATALOG_INVALID: 400,
  ERR_CATALOG_UNCHANGED: 409,
  ERR_CATALOG_UNKNOWN: 404,
  ERR_CATALOG_WITHDRAWN: 409,
  ERR_CATALOG_REJECTED: 409,
  ERR_CATALOG_ENTRY: 400,
  ERR_SOURCE_PATH: 400,
  ERR_SOURCE_FORMAT: 400,
  ERR_SOURCE_ENCODING: 400,
  ERR_SOURCE_QUERY: 400,
  ERR_SOURCE_LIMIT: 400,
  ERR_SOURCE_TIMEOUT: 504,
  ERR_SOURCE_CRASHED: 503,
  ERR_SOURCE_CHANGED: 409,
  ERR_SOURCE_CLOSED: 503,

  ERR_NEGOTIATION_NOT_PERMITTED: 403,
  ERR_NEGOTIATION_POLICY_CHANGED: 409,
  ERR_COMPUTATION_UNKNOWN: 404,
  ERR_COMPUTATION_FORBIDDEN: 403,
  ERR_COMPUTATION_MESSAGE: 400,
  ERR_COMPUTATION_SIZE: 413,
  ERR_COMPUTATION_CHUNK: 409,
  ERR_COMPUTATION_CONFLICT: 409,
  ERR_COMPUTATION_OVER: 409,
  ERR_COMPUTATION_NOT_OPENABLE: 409,
  ERR_COMPUTATION_EVIDENCE: 409,
  ERR_COMPUTATION_REVIEW_SPOKEN: 403,
  ERR_COMPUTATION_REVIEW_FIGURES: 400,
  ERR_COMPUTATION_REVIEW_ALONE: 409,

  ERR_TRANSFER_UNKNOWN: 404,
  ERR_TRANSFER_TOKEN: 401,
  ERR_TRANSFER_REFUSED: 403,
  ERR_TRANSFER_USES: 403,
  ERR_TRANSFER_RATE: 429,
  ERR_TRANSFER_RANGE: 416,
  ERR_TRANSFER_STATE: 409,
  ERR_TRANSFER_LATER: 503,
  ERR_TRANSFER_TOO_LARGE: 413,
  ERR_TRANSFER_INVALID: 400,
  ERR_TRANSFER_OTHER_SIDE: 502,

  ERR_REQUEST_INVALID: 400,
  ERR_REQUEST_UNKNOWN: 404,
  ERR_REQUEST_TRANSITION: 409,
  ERR_REQUEST_FORBIDDEN: 403,
  ERR_REQUEST_NOT_WAITING: 409,
  ERR_REQUEST_NO_RESULT: 409,
  ERR_REQUEST_UNREACHABLE: 503,
});

/** Failures of others that the caller must see to act, although their status is 5xx. */
const SPOKEN_5XX: readonly number[] = [502, 503, 504, 507];

// Fastify's own refusals, by its codes.
const FASTIFY_CODES: Readonly<Record<string, string>> = Object.freeze({
  FST_ERR_VALIDATION: "ERR_HTTP_INVALID",
  FST_ERR_CTP_BODY_TOO_LARGE: "ERR_HTTP_TOO_LARGE",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "ERR_HTTP_MEDIA_TYPE",
  FST_ERR_CTP_INVALID_JSON_BODY: "ERR_HTTP_INVALID",
  FST_ERR_CTP_EMPTY_JSON_BODY: "ERR_HTTP_INVALID",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "ERR_HTTP_INVALID",
  FST_ERR_BAD_URL: "ERR_HTTP_INVALID",
  FST_ERR_MAX_PARAM_LENGTH: "ERR_HTTP_INVALID",
});

interface KnownError {
  readonly code?: unknown;
  readonly message?: string;
  readonly statusCode?: number;
  readonly problems?: readonly Partial<FieldProblem>[];
  readonly rejection?: { readonly code: string; readonly field?: string };
  /** What another member's node answered. */
  readonly answer?: { readonly code: string | undefined };
  readonly validation?: readonly TLocalizedValidationError[];
  readonly validationContext?: string;
}

/** The part of a call that was validated, such as its body, and the schema of that part. */
export interface ValidatedPart {
  readonly schema: TSchema;
  readonly value: unknown;
}

const ENGLISH = createTexts("en");

/** `partOf` finds what was validated, by the validator's name for it. */
export function problemOf(
  error: unknown,
  partOf: (context: string) => ValidatedPart | undefined = () => undefined,
): Problem {
  const known = (typeof error === "object" && error !== null ? error : {}) as KnownError;
  const code = codeOf(known);
  const status = PROBLEM_STATUS[code];
  if (status === undefined)
    return { type: "about:blank", title: "Internal error", status: 500, code: "ERR_HTTP_INTERNAL" };
  if (status >= 500 && !SPOKEN_5XX.includes(status)) return { type: "about:blank", title: code, status, code };
  const errors = known.validation === undefined ? fieldErrors(known) : validationErrors(known, partOf);
  return {
    type: "about:blank",
    title: code,
    status,
    code,
    detail: known.validation === undefined ? (known.message ?? code) : summary(errors),
    ...(errors.length > 0 ? { errors } : {}),
  };
}

const summary = (errors: readonly FieldError[]): string =>
  errors.map(({ field, detail }) => `${field}: ${detail}`).join("; ");

function codeOf(error: KnownError): string {
  if (error.validation !== undefined) return "ERR_HTTP_INVALID";
  if (typeof error.code === "string") {
    const translated = FASTIFY_CODES[error.code] ?? error.code;
    if (Object.hasOwn(PROBLEM_STATUS, translated)) return translated;
  }
  if (error.statusCode === 429) return "ERR_HTTP_RATE_LIMIT";
  if (error.statusCode === 400) return "ERR_HTTP_INVALID";
  return "ERR_HTTP_INTERNAL";
}

function validationErrors(
  { validation = [], validationContext = "body" }: KnownError,
  partOf: (context: string) => ValidatedPart | undefined,
): readonly FieldError[] {
  const { schema, value } = partOf(validationContext) ?? { schema: Type.Unknown(), value: undefined };
  return describeSchemaErrors(schema, validation, value).map(({ field, ...problem }) =>
    spoken({ ...problem, field: field === "" ? validationContext : `${validationContext}.${field}` }),
  );
}

function fieldErrors({ rejection, answer, problems = [], message }: KnownError): readonly FieldError[] {
  if (answer?.code !== undefined) return [{ field: "", code: answer.code, detail: message ?? "" }];
  if (rejection === undefined) return problems.map(spoken);
  return [{ field: rejection.field ?? "", code: rejection.code, detail: message ?? "" }];
}

/** With its English detail. */
export function spoken({ field = "", code = "invalid", parameters, detail }: Partial<FieldProblem>): FieldError {
  const said = detail ?? explain({ code, ...(parameters === undefined ? {} : { parameters }) }, ENGLISH);
  return { field, code, ...(parameters === undefined ? {} : { parameters }), detail: said };
}
