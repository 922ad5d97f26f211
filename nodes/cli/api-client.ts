/** Client of a running node's api/v1, found through the node folder: its configuration and its token. */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isApiIdentityProof } from "../http/api-identity.ts";
import { CliError, type Problem } from "./errors.ts";
import type { Surroundings } from "./surroundings.ts";

export interface ApiClient {
  get<T>(path: string): Promise<T>;
  /** The answer's own text, for documents whose bytes count. */
  getText(path: string): Promise<string>;
  post<T>(path: string, body?: unknown): Promise<T>;
  put<T>(path: string, body: unknown): Promise<T>;
  /** An answer whose body is still on its way. */
  getStream(path: string, headers: Readonly<Record<string, string>>): Promise<Response>;
}

export interface ApiAddress {
  /** For example http://127.0.0.1:7080 */
  readonly base: string;
  readonly token: string;
}

const TIMEOUT_MS = 120_000;
const IDENTITY_TIMEOUT_MS = 30_000;

/** The token is shown to nobody but the node of this folder, which proves first that it holds it. */
export async function openApiClient(dir: string, surroundings: Surroundings, token?: string): Promise<ApiClient> {
  const address = await readAddress(dir, token);
  await meet(address, dir, surroundings);
  return createApiClient(address, surroundings);
}

export function createApiClient({ base, token }: ApiAddress, surroundings: Surroundings): ApiClient {
  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const text = await exchange(method, path, body);
    return (text === "" ? undefined : parse(text, base)) as T;
  }

  async function exchange(method: string, path: string, body: unknown): Promise<string> {
    const signal = AbortSignal.any([surroundings.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const headers: Record<string, string> = { authorization: `Bearer ${token}`, accept: "application/json" };
    if (body !== undefined) headers["content-type"] = "application/json";
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    let response: Response;
    let text: string;
    try {
      response = await surroundings.fetch(`${base}/api/v1${path}`, { method, headers, signal, ...content });
      text = await response.text();
    } catch (error) {
      if (surroundings.signal.aborted) throw error;
      throw new CliError("ERR_CLI_NODE_UNREACHABLE", { address: base }, { cause: error });
    }
    if (response.ok) return text;
    const problem = (text === "" ? {} : parse(text, base)) as Problem;
    throw new CliError("ERR_CLI_REFUSED", { status: response.status }, { problem });
  }
  /** A long body has no time limit of its own: the node ends what stalls. */
  async function getStream(path: string, headers: Readonly<Record<string, string>>): Promise<Response> {
    let response: Response;
    try {
      response = await surroundings.fetch(`${base}/api/v1${path}`, {
        headers: { authorization: `Bearer ${token}`, ...headers },
        signal: surroundings.signal,
      });
    } catch (error) {
      if (surroundings.signal.aborted) throw error;
      throw new CliError("ERR_CLI_NODE_UNREACHABLE", { address: base }, { cause: error });
    }
    if (response.ok) return response;
    const text = await response.text();
    const problem = (text === "" ? {} : parse(text, base)) as Problem;
    throw new CliError("ERR_CLI_REFUSED", { status: response.status }, { problem });
  }
  return Object.freeze({
    getStream,
    get: <T>(path: string) => call<T>("GET", path),
    getText: (path: string) => exchange("GET", path, undefined),
    post: <T>(path: string, body?: unknown) => call<T>("POST", path, body ?? {}),
    put: <T>(path: string, body: unknown) => call<T>("PUT", path, body),
  });
}

async function meet({ base, token }: ApiAddress, dir: string, surroundings: Surroundings): Promise<void> {
  const challenge = randomBytes(32).toString("base64url");
  const signal = AbortSignal.any([surroundings.signal, AbortSignal.timeout(IDENTITY_TIMEOUT_MS)]);
  // A person's token begins with the name; the node's own has no full stop.
  const name = token.includes(".") ? token.split(".")[0]! : undefined;
  const person = name === undefined ? "" : `&person=${encodeURIComponent(name)}`;
  let text: string;
  try {
    text = await (
      await surroundings.fetch(`${base}/api/v1/identity?challenge=${challenge}${person}`, { signal })
    ).text();
  } catch (error) {
    if (surroundings.signal.aborted) throw error;
    throw new CliError("ERR_CLI_NODE_UNREACHABLE", { address: base }, { cause: error });
  }
  if (isApiIdentityProof(token, challenge, proofIn(text))) return;
  if (name !== undefined) throw new CliError("ERR_CLI_PERSON_UNKNOWN", { name, address: base, dir });
  throw new CliError("ERR_CLI_OTHER_NODE", { address: base, dir });
}

function proofIn(text: string): string {
  try {
    const { proof } = JSON.parse(text) as { proof?: unknown };
    return typeof proof === "string" ? proof : "";
  } catch {
    return "";
  }
}

function parse(text: string, address: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError("ERR_CLI_ANSWER_UNREADABLE", { address }, { cause: error });
  }
}

async function readAddress(dir: string, given?: string): Promise<ApiAddress> {
  const config = await readFile(join(dir, "sealane.json"), "utf8").catch(() => {
    throw new CliError("ERR_CLI_NO_NODE", { dir });
  });
  const token =
    given ??
    (await readFile(join(dir, "token"), "utf8").catch(() => {
      throw new CliError("ERR_CLI_TOKEN_MISSING", { dir });
    }));
  return { base: apiBase(config, dir), token: token.trim() };
}

function apiBase(config: string, dir: string): string {
  try {
    const { api } = JSON.parse(config) as { api: { host: string; port: number } };
    const host = api.host.includes(":") ? `[${api.host}]` : api.host;
    return `http://${host}:${api.port}`;
  } catch (error) {
    throw new CliError("ERR_CLI_FILE_NOT_JSON", { file: join(dir, "sealane.json"), reason: String(error) });
  }
}
