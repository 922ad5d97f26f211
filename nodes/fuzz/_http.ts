/**
 * Every route of every interface, enumerated from the apps themselves. Promises: no 5xx but the documented "try again",
 * nothing written on a 4xx, refusals are problem documents with a known code, answers come in time.
 */
import { inspect } from "node:util";
import fc from "fast-check";
import type { TSchema } from "typebox";
import { Agent } from "undici";
import { PROBLEM_STATUS, PROBLEM_TYPE } from "../http/problem.ts";
import type { RouteFacts } from "../http/route-facts.ts";
import { SIGNATURE_HEADER, signPeerRequest } from "../peer/request-signature.ts";
import { systemEffects } from "../runtime/effects.ts";
import { arbitraryOf, type Known } from "./_arbitrary.ts";
import { dataspaceCredentials, dataspaceSamples, isDataspace, isDataspaceRefusal } from "./_dataspace.ts";
import { bytesOf, mutated, nasty } from "./_hostile.ts";
import { checkProperty, type Figures, type Plan, seedOf } from "./_run.ts";
import { type FuzzWorld, routeKey } from "./_world.ts";

/** An answer that takes longer hangs. The longest poll is a second; a loaded machine may start engines slowly. */
const ANSWER_MS = 120_000;
/** Another member or the ledger is away: the same call may work later. */
const TRY_AGAIN: readonly string[] = ["ERR_REQUEST_UNREACHABLE", "ERR_LEDGER_UNREACHABLE", "ERR_LEDGER_NO_QUORUM"];
/** What a refused protocol message leaves behind: who sent it (docs/protocol.md). */
const WRITES_DOWN_REFUSALS: readonly string[] = ["POST /peer/v1/computations/:computation/messages"];
const SPOILS: RegExp =
  /\/(?:withdraw|revoke|suspend|reinstate|cancel|admit|approve|refuse|decisions|policy|activations|open)$/;

interface Case {
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
  readonly author: string;
  /** How the credentials are spoilt; most are not. */
  readonly credentials: "good" | "none" | "wrong";
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly milliseconds: number;
}

interface Target {
  readonly what: string;
  readonly member: string;
  readonly side: "api" | "peer";
  readonly route: RouteFacts;
}

export interface HttpFigures {
  readonly figures: readonly Figures[];
  /** `<side> <method> <url>` of every route that got a case. */
  readonly hit: ReadonlySet<string>;
  /** Answers by status. */
  readonly statuses: ReadonlyMap<number, number>;
}

/** One of several processes that share the routes. */
export interface Shard {
  readonly at: number;
  readonly of: number;
}

export async function fuzzWorld(
  world: FuzzWorld,
  { cases, seed }: Plan,
  onTarget: (figures: Figures, milliseconds: number) => void = () => undefined,
  shard: Shard = { at: 0, of: 1 },
): Promise<HttpFigures> {
  const all = targetsOf(world);
  const each = Math.max(1, Math.ceil(cases / all.length));
  const targets = all.filter((_, at) => at % shard.of === shard.at);
  const figures: Figures[] = [];
  const hit = new Set<string>();
  const statuses = new Map<number, number>();
  const agent = new Agent({
    connect: { rejectUnauthorized: false },
    headersTimeout: ANSWER_MS,
    bodyTimeout: ANSWER_MS,
  });
  for (const target of targets) {
    const startedAt = performance.now();
    const input = caseOf(world, target);
    const plan = { cases: each, seed: seedOf(seed, target.what) };
    figures.push(
      await checkProperty(target.what, plan, input, async (one) => {
        const before = await world.storeOf(target.member);
        const answer = await send(world, agent, target, one);
        hit.add(`${target.side} ${target.route.method} ${target.route.url}`);
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        checkAnswer(answer, target.route);
        if (mayWrite(target, answer) || (await world.storeOf(target.member)) === before) return;
        // Something else may have written meanwhile, or something public was fetched and kept: neither comes twice.
        await world.quiet(target.member);
        const written = await writtenBy(world, target, () => send(world, agent, target, one));
        if (written.length > 0) throw new Error(`refused, and written (${written.join("; ")}): ${answer.body}`);
      }),
    );
    onTarget(figures.at(-1)!, performance.now() - startedAt);
  }
  await agent.close();
  return { figures, hit, statuses };
}

function mayWrite({ route: { method, url } }: Target, { status }: Answer): boolean {
  return status < 400 || status >= 500 || WRITES_DOWN_REFUSALS.includes(`${method} ${url}`);
}

/** What a refused call changed of the member's files; what the ledger refused has been in the outbox, and is no more. */
async function writtenBy(
  world: FuzzWorld,
  { member, ...target }: Target,
  call: () => Promise<Answer>,
): Promise<readonly string[]> {
  const before = await world.storeOf(member);
  const answer = await call();
  const after = await world.storeOf(member);
  if (after === before || mayWrite({ member, ...target }, answer)) return [];
  const known = before.split("\n");
  const byLedger = answer.status === 409 && /"ERR_(?:LEDGER|CATALOG)_REJECTED"/.test(answer.body);
  await world.quiet(member);
  if (byLedger && (await world.ledgerOf(member)) === known[0]) return [];
  return after.split("\n").filter((line) => !known.includes(line));
}

export function targetsOf(world: FuzzWorld): readonly Target[] {
  return world.targets.flatMap((member) => {
    const { routes } = world.node(member);
    const sides = [
      ["api", routes.api],
      ["peer", routes.peer],
    ] as const;
    return sides.flatMap(([side, all]) =>
      all.map((route) => ({ what: `${member} ${side} ${route.method} ${route.url}`, member, side, route })),
    );
  });
}

// ---- what is sent

function caseOf(world: FuzzWorld, { side, route }: Target): fc.Arbitrary<Case> {
  const ids = SPOILS.test(route.url) ? world.expendable : [...world.known, ...world.expendable];
  const { params, querystring, body } = route.schema as { readonly [part: string]: TSchema | undefined };
  const stock = isDataspace(route)
    ? dataspaceSamples(route)
    : (world.sent.get(routeKey(route.method, route.url)) ?? []);
  return fc
    .record({
      path: pathOf(route.url, params, ids),
      query: queryOf(querystring, ids),
      body: bodyOf(route.method, body, stock, ids),
      headers: headersOf,
      author: fc.constantFrom(...world.authors),
      credentials: fc.oneof(
        { arbitrary: fc.constant("good" as const), weight: 20 },
        fc.constantFrom("none" as const, "wrong" as const),
      ),
    })
    .map(({ path, query, ...rest }) => {
      const target = query === "" ? path : `${path}?${query}`;
      const one: Case = { target, ...rest };
      return Object.assign(one, {
        [fc.toStringMethod]: () =>
          `${side} ${route.method} ${target} ${JSON.stringify(rest.headers)} as ${rest.author} (${rest.credentials})\n` +
          `${rest.body?.toString("latin1") ?? "without a body"}`,
      });
    });
}

/** A spoilt value may hold itself, which has no JSON. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return inspect(value);
  }
}
const encoded = (text: string): string => encodeURIComponent(text.toWellFormed()).slice(0, 3_000);
const RAW_SEGMENTS = ["%00", "%ff", "%", "%zz", "..", "%2e%2e%2f", "a%2Fb", "%ED%A0%80", "*", ";", "0".repeat(300)];

function pathOf(url: string, params: TSchema | undefined, known: Known): fc.Arbitrary<string> {
  const names = [...url.matchAll(/:([a-z]+)/gi)].map(([, name]) => name!);
  if (names.length === 0) return fc.constant(url);
  const good = params === undefined ? fc.constant({}) : arbitraryOf(params, known);
  const spoilt = fc.oneof(
    fc.constantFrom(...RAW_SEGMENTS),
    nasty.map((value) => encoded(textOf(value))),
  );
  return fc.tuple(good, fc.option(spoilt, { freq: 5, nil: undefined })).map(([values, bad]) =>
    names.reduce((path, name) => {
      const value = bad ?? encoded(String((values as Record<string, unknown>)[name] ?? ""));
      return path.replace(`:${name}`, () => value);
    }, url),
  );
}

function queryOf(querystring: TSchema | undefined, known: Known): fc.Arbitrary<string> {
  const pair = (key: string, value: unknown) => `${encoded(key)}=${encoded(textOf(value))}`;
  const stray = fc.option(
    fc.constantFrom("a=1", "__proto__=1", "from=1&from=2", "=", "&&&", "%zz=%", "constructor[x]=1"),
    {
      freq: 12,
      nil: "",
    },
  );
  if (querystring === undefined) return stray.map((text) => text ?? "");
  const values = fc.oneof(
    { arbitrary: arbitraryOf(querystring, known), weight: 3 },
    mutated(arbitraryOf(querystring, known)),
  );
  return fc.tuple(values, stray).map(([query, more]) => {
    const pairs = Object.entries((query ?? {}) as Record<string, unknown>).map(([key, value]) =>
      // A long poll that nothing ends is no hang; it is only slow.
      pair(key, key === "waitMs" && typeof value === "number" && value > 20 && value <= 60_000 ? value % 20 : value),
    );
    return [...pairs, ...(more === "" ? [] : [more])].join("&").slice(0, 4_000);
  });
}

function bodyOf(
  method: string,
  schema: TSchema | undefined,
  stock: readonly unknown[],
  known: Known,
): fc.Arbitrary<Buffer | undefined> {
  const none = fc.constant(undefined);
  if (method === "GET" || method === "HEAD") return none;
  const generated = schema === undefined ? fc.constant({}) : arbitraryOf(schema, known);
  const base =
    stock.length === 0 ? generated : fc.oneof({ arbitrary: fc.constantFrom(...stock), weight: 3 }, generated);
  const body = bytesOf(mutated(base));
  return schema === undefined
    ? fc.oneof({ arbitrary: none, weight: 4 }, body)
    : fc.oneof({ arbitrary: body, weight: 30 }, none);
}

const headersOf: fc.Arbitrary<Readonly<Record<string, string>>> = fc.oneof(
  { arbitrary: fc.constant({}), weight: 12 },
  fc.constantFrom<Readonly<Record<string, string>>[]>(
    { "content-type": "text/plain" },
    { "content-type": "application/json; charset=utf-16" },
    { "content-type": "application/xml" },
    { "content-type": "multipart/form-data; boundary=x" },
    { "content-type": "" },
    { "content-type": "application/json;;;" },
    { "content-encoding": "gzip" },
    { accept: "text/html" },
    { "x-http-method-override": "DELETE" },
    { "x-forwarded-for": "1.2.3.4" },
    { "accept-version": "99" },
    { "x-long": "a".repeat(4_000) },
    { cookie: "__proto__=1" },
    { origin: "null", "access-control-request-method": "PUT" },
  ),
);

async function send(world: FuzzWorld, agent: Agent, { member, side, route }: Target, one: Case): Promise<Answer> {
  const node = world.node(member);
  const { body } = one;
  const credentials =
    side === "api"
      ? { authorization: `Bearer ${one.credentials === "wrong" ? "x" : ""}${node.token}` }
      : isDataspace(route)
        ? { authorization: tokenOf(world, member, route.method, one) }
        : { [SIGNATURE_HEADER]: await signatureOf(world, member, route.method, one) };
  const startedAt = performance.now();
  const answer = await agent.request({
    origin: node.address[side]!,
    path: one.target,
    method: route.method as "GET",
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(one.credentials === "none" ? {} : credentials),
      ...one.headers,
    },
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  const text = await answer.body.text();
  return {
    status: answer.statusCode,
    type: String(answer.headers["content-type"] ?? ""),
    body: text,
    milliseconds: performance.now() - startedAt,
  };
}

async function signatureOf(
  world: FuzzWorld,
  to: string,
  method: string,
  { author, target, body, credentials }: Case,
): Promise<string> {
  const { identity } = world.node(author).services;
  const signed = await signPeerRequest(
    identity,
    { network: world.network.net.network, to, method, target, body: body ?? Buffer.alloc(0) },
    systemEffects,
  );
  return credentials === "wrong" ? `${signed.slice(0, -6)}AAAAAA` : signed;
}

function tokenOf(world: FuzzWorld, to: string, method: string, { author, target, body, credentials }: Case): string {
  const { identity } = world.node(author).services;
  const about = { audience: to, method, target, body: body ?? Buffer.alloc(0) };
  return dataspaceCredentials(identity, about, credentials === "wrong");
}

// ---- what comes back

function checkAnswer({ status, type, body, milliseconds }: Answer, route: RouteFacts): void {
  const { method } = route;
  if (milliseconds > ANSWER_MS) throw new Error(`no answer within ${ANSWER_MS} ms`);
  // An answer to HEAD has no body to say more.
  if (method === "HEAD" && status !== 503 && status >= 500) throw new Error(`${status} to HEAD`);
  if (method === "HEAD" || status < 400) return;
  if (isDataspace(route) && type.startsWith("application/json") && isDataspaceRefusal(status, body)) return;
  if (!type.startsWith(PROBLEM_TYPE)) throw new Error(`${status} without a problem document: ${type} ${body}`);
  const problem = JSON.parse(body) as { readonly code: string; readonly status: number };
  if (PROBLEM_STATUS[problem.code] !== status || problem.status !== status)
    throw new Error(`${status}: no known code: ${body}`);
  if (status >= 500 && !TRY_AGAIN.includes(problem.code)) throw new Error(`${status}: ${body}`);
}
