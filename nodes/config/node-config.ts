/**
 * `sealane.json`: the one configuration file of a node. Every key is checked; an unknown or wrong key stops the start.
 * Keys under `limits`, `sources` and `log` are reloaded on SIGHUP; everything else needs a restart.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { Code, closed, literals, MemberId, NODE_KINDS, Title } from "../../chaincode/rules/vocabulary.ts";
import { describeSchemaErrors } from "../../policies/model/describe-schema-errors.ts";
import { problemLine } from "../../policies/model/problem.ts";
import { CalendarDate } from "../../policies/model/vocabulary.ts";
import { ConfigError } from "./config-error.ts";

export const CONFIG_FILE = "sealane.json";
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;

const Host = Type.String({ minLength: 1, maxLength: 253, pattern: "^[A-Za-z0-9.:_-]+$" });
/** 0 lets the system choose. */
const Port = Type.Integer({ minimum: 0, maximum: 65_535 });
const Positive = (maximum: number) => Type.Integer({ minimum: 1, maximum });

const WorkingDays = Type.Integer({ minimum: 0, maximum: 250 });

export const Person = Type.String({ pattern: "^[a-z0-9][a-z0-9-]{0,39}$", examples: ["li-wei"] });

export const NodeConfig = closed({
  formatVersion: Type.Literal(1),
  /** What this organisation applies for membership with; the ledger's record rules after admission. */
  member: closed({
    id: MemberId,
    title: Title,
    kind: literals(NODE_KINDS),
    organisation: Type.String({ minLength: 1, maxLength: 64 }),
    holdingGroup: Code,
    attributes: Type.Record(Code, Code, { additionalProperties: false, maxProperties: 16 }),
    cosigner: Type.Boolean(),
  }),
  /** Absent: the embedded ledger. */
  ledger: Type.Optional(
    closed({
      /** Connection profile of a Fabric network, relative to the node's folder or absolute. */
      fabric: Type.String({ minLength: 1, maxLength: 4096 }),
    }),
  ),
  /** Management interface: loopback unless the operator says otherwise. */
  api: closed({ host: Host, port: Port }),
  /** Interface to other members over TLS. Absent: this node only connects outward. */
  peer: Type.Optional(
    closed({
      host: Host,
      port: Port,
      /** Address other members reach this node under. */
      endpoint: Type.String({
        pattern: "^https://[A-Za-z0-9.:_\\[\\]-]+$",
        maxLength: 200,
        examples: ["https://alpha.example:7443"],
      }),
    }),
  ),
  /** Persons who may review results before they leave, each with a token of their own. */
  reviewers: Type.Optional(Type.Array(Person, { maxItems: 50, uniqueItems: true })),
  /** Persons who may propose and approve policies, each with a token of their own. */
  stewards: Type.Optional(Type.Array(Person, { maxItems: 50, uniqueItems: true })),
  /** Name that decisions made with the API token carry. */
  operator: closed({ name: Type.String({ minLength: 1, maxLength: 100 }) }),
  limits: closed({
    bodyBytes: Positive(1 << 30),
    peerBodyBytes: Positive(1 << 30),
    apiRequestsPerMinute: Positive(1_000_000),
    peerRequestsPerMinutePerMember: Positive(1_000_000),
    peerRequestsPerMinutePerAddress: Positive(10_000_000),
    /** Calls of one member that may run at once, long polls included. */
    peerCallsAtOncePerMember: Positive(100_000),
    requestTimeoutMs: Positive(600_000),
    /** Longest wait of a long poll before an empty answer. */
    longPollMs: Positive(60_000),
    /** Below this the node stops writing and says so. */
    minimumFreeDiskMiB: Type.Integer({ minimum: 0, maximum: 1 << 20 }),
  }),
  sources: closed({
    /** Absolute paths of files that assets may be registered on; empty: any file the steward names. */
    allowedPaths: Type.Array(Type.String({ pattern: "^/|^[A-Za-z]:[\\\\/]", maxLength: 4096 }), { maxItems: 1000 }),
    memoryLimitMiB: Type.Integer({ minimum: 64, maximum: 1 << 20 }),
    threads: Positive(256),
    timeoutMs: Positive(86_400_000),
  }),
  /** Requests of this node: how long each step of a computation may take, and whether it opens by itself once agreed. */
  computations: closed({
    stepMs: Positive(86_400_000),
    releaseMs: Positive(7 * 86_400_000),
    opensByItself: Type.Boolean(),
  }),
  /** Contract negotiations and transfers with other participants. */
  dataspace: closed({
    /** A negotiation in which nothing moves for so long ends, with a cause that both sides see. */
    waitMs: Positive(366 * 86_400_000),
    /** Negotiations and transfers that are over stay for so long. What was agreed on stays on the ledger. */
    keptMs: Positive(3_660 * 86_400_000),
    /** How long a steward has to decide on records that a consumer asks for; then the negotiation ends. */
    approvalMs: Positive(366 * 86_400_000),
  }),
  /** By when requests are answered, in working days. */
  requests: closed({
    checkDays: WorkingDays,
    answerDays: WorkingDays,
    escalateDays: WorkingDays,
    /** After a refusal, to appeal against it. */
    appealDays: WorkingDays,
    /** Days off and days worked, besides those of the calendar that is used. */
    calendar: closed({
      use: literals(["CN", "none"]),
      holidays: Type.Array(CalendarDate, { maxItems: 1000, uniqueItems: true }),
      workdays: Type.Array(CalendarDate, { maxItems: 1000, uniqueItems: true }),
    }),
  }),
  /** How many persons have to agree to a policy before it is in force, whoever proposes it included. */
  policies: closed({ persons: Type.Integer({ minimum: 1, maximum: 2 }) }),
  accessLog: closed({
    /** A batch is anchored when this many entries wait, or the oldest is this old. */
    anchorEntries: Positive(1_000_000),
    anchorIntervalMs: Positive(86_400_000),
  }),
  log: closed({ level: literals(LOG_LEVELS) }),
});

export type NodeConfig = Static<typeof NodeConfig>;

export const CONFIG_DEFAULTS = Object.freeze({
  formatVersion: 1,
  member: { attributes: {}, cosigner: true },
  api: { host: "127.0.0.1", port: 7080 },
  operator: { name: "operator" },
  limits: {
    bodyBytes: 4 * 1024 * 1024,
    peerBodyBytes: 64 * 1024 * 1024,
    apiRequestsPerMinute: 6_000,
    peerRequestsPerMinutePerMember: 12_000,
    peerRequestsPerMinutePerAddress: 120_000,
    peerCallsAtOncePerMember: 256,
    requestTimeoutMs: 30_000,
    longPollMs: 20_000,
    minimumFreeDiskMiB: 64,
  },
  sources: { allowedPaths: [], memoryLimitMiB: 512, threads: 2, timeoutMs: 600_000 },
  computations: { stepMs: 120_000, releaseMs: 600_000, opensByItself: true },
  dataspace: { waitMs: 30 * 86_400_000, keptMs: 90 * 86_400_000, approvalMs: 7 * 86_400_000 },
  policies: { persons: 1 },
  requests: {
    checkDays: 2,
    answerDays: 5,
    escalateDays: 3,
    appealDays: 15,
    calendar: { use: "CN", holidays: [], workdays: [] },
  },
  accessLog: { anchorEntries: 1_000, anchorIntervalMs: 60_000 },
  log: { level: "info" },
});

const compiled = Compile(NodeConfig);

/** Fills in defaults and checks every key. Throws ConfigError that lists every wrong key at once. */
export function parseConfig(raw: unknown, file = CONFIG_FILE): NodeConfig {
  const merged = withDefaults(CONFIG_DEFAULTS, raw);
  if (compiled.Check(merged)) return freezeDeep(merged);
  const problems = describeSchemaErrors(NodeConfig, compiled.Errors(merged), merged);
  const lines = problems.map(problemLine).join("; ");
  throw new ConfigError("ERR_CONFIG_KEY", `${file}: ${lines}. Correct the file and start again`, { problems });
}

/** Reads `<dir>/sealane.json`. */
export async function loadConfig(dir: string): Promise<NodeConfig> {
  const file = join(dir, CONFIG_FILE);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new ConfigError("ERR_CONFIG_MISSING", `${file}: cannot be read; create the node with "sealane node init"`, {
      cause,
    });
  }
  let raw: unknown;
  try {
    raw = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new ConfigError("ERR_CONFIG_SYNTAX", `${file}: not valid JSON: ${(cause as Error).message}`, { cause });
  }
  return parseConfig(raw, file);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function withDefaults(defaults: unknown, given: unknown): unknown {
  if (given === undefined) return structuredClone(defaults);
  if (!isRecord(defaults) || !isRecord(given)) return given;
  const keys = new Set([...Object.keys(defaults), ...Object.keys(given)]);
  return Object.fromEntries([...keys].map((key) => [key, withDefaults(defaults[key], given[key])]));
}

function freezeDeep<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) freezeDeep(inner);
    Object.freeze(value);
  }
  return value;
}
