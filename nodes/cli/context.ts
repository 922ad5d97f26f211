/** What every command gets: the node folder, the language, the node's API, and careful ways to read files. */
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Texts } from "../i18n/text.ts";
import { createFile } from "../store/atomic-file.ts";
import { type ApiClient, openApiClient } from "./api-client.ts";
import { CliError } from "./errors.ts";
import type { Surroundings } from "./surroundings.ts";

/** What a command says at its end. `human` goes to stdout without `--json`, `json` with it; never both. */
export interface Outcome {
  readonly json: unknown;
  readonly human: string;
  /** 0 unless given. */
  readonly exitCode?: number;
}

export interface GlobalOptions {
  readonly dir?: string;
  readonly json?: boolean;
  readonly lang?: string;
}

export interface CommandContext {
  /** Absolute path of the node folder: `--dir`, else SEALANE_DIR, else the current folder. */
  readonly dir: string;
  readonly json: boolean;
  readonly texts: Texts;
  readonly surroundings: Surroundings;
  /** One line to stderr, with or without `--json`. */
  note(text: string): void;
  /** Client of the running node of `dir`. Throws CliError when the folder holds no node. */
  api(options?: { readonly token?: string | undefined }): Promise<ApiClient>;
  /** As `api`, speaking as the person whose token lies in this file; without one, as the operator. */
  apiAs(tokenFile: string | undefined): Promise<ApiClient>;
  /** Absolute path of a file or folder named on the command line. */
  path(name: string): string;
  /** Throws CliError ERR_CLI_FILE_TOO_LARGE beyond `limit` bytes. */
  readBytes(name: string, limit: number): Promise<Uint8Array>;
  readText(name: string): Promise<string>;
  /** Throws CliError ERR_CLI_FILE_EXISTS. */
  assertAbsent(name: string): Promise<void>;
  /** A new file with mode 0600. Throws CliError ERR_CLI_FILE_EXISTS or ERR_CLI_FILE_UNWRITABLE. */
  writePrivate(name: string, data: string | Uint8Array): Promise<void>;
  /** Throws CliError ERR_CLI_FILE_NOT_JSON with the line and column, where the parser tells them. */
  readJson(name: string): Promise<unknown>;
}

/** Of a person, `name.key`, or the node's own. */
const TOKEN = /^[^\s{}"]{32,4096}$/;
const MAX_TEXT_BYTES = 64 * 1024 * 1024;

export function createContext(options: GlobalOptions, texts: Texts, surroundings: Surroundings): CommandContext {
  const path = (name: string): string => resolve(surroundings.cwd, name);
  const dir = path(options.dir ?? surroundings.env.SEALANE_DIR ?? ".");

  async function readBytes(name: string, limit: number): Promise<Uint8Array> {
    const file = path(name);
    try {
      const { size } = await stat(file);
      if (size > limit) throw new CliError("ERR_CLI_FILE_TOO_LARGE", { file: name, limit });
      return await readFile(file);
    } catch (error) {
      if (error instanceof CliError) throw error;
      const code = (error as NodeJS.ErrnoException).code ?? "";
      if (code === "ENOENT") throw new CliError("ERR_CLI_FILE_MISSING", { file: name });
      throw new CliError("ERR_CLI_FILE_UNREADABLE", { file: name, reason: code }, { cause: error });
    }
  }
  const readText = async (name: string): Promise<string> =>
    Buffer.from(await readBytes(name, MAX_TEXT_BYTES)).toString("utf8");

  async function assertAbsent(name: string): Promise<void> {
    const found = await stat(path(name)).catch(() => undefined);
    if (found !== undefined) throw new CliError("ERR_CLI_FILE_EXISTS", { file: name });
  }
  async function writePrivate(name: string, data: string | Uint8Array): Promise<void> {
    try {
      await createFile(path(name), data);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? "";
      if (code === "EEXIST") throw new CliError("ERR_CLI_FILE_EXISTS", { file: name });
      throw new CliError("ERR_CLI_FILE_UNWRITABLE", { file: name, reason: code }, { cause: error });
    }
  }

  return Object.freeze({
    dir,
    json: options.json === true,
    texts,
    surroundings,
    note: (text: string) => surroundings.write("stderr", `${text}\n`),
    api: ({ token }: { readonly token?: string | undefined } = {}) => openApiClient(dir, surroundings, token),
    async apiAs(tokenFile: string | undefined) {
      const token = tokenFile === undefined ? undefined : (await readText(tokenFile)).trim();
      if (token !== undefined && !TOKEN.test(token)) throw new CliError("ERR_CLI_NOT_TOKEN", { file: tokenFile! });
      return await openApiClient(dir, surroundings, token);
    },
    path,
    readBytes,
    readText,
    assertAbsent,
    writePrivate,
    async readJson(name: string) {
      const text = await readText(name);
      try {
        return JSON.parse(text.replace(/^\uFEFF/, "")) as unknown;
      } catch (error) {
        const reason = syntaxReason((error as Error).message, texts);
        throw new CliError("ERR_CLI_FILE_NOT_JSON", { file: name, reason }, { cause: error });
      }
    },
  });
}

/** The place of what the JSON parser found, in the reader's language; else the parser's own words. */
function syntaxReason(message: string, { text }: Texts): string {
  const place = /\(line (\d+) column (\d+)\)/.exec(message);
  if (place !== null) return text("cli.file.jsonPlace", { line: place[1] ?? "", column: place[2] ?? "" });
  return message === "Unexpected end of JSON input" ? text("cli.file.jsonEnds") : message;
}
