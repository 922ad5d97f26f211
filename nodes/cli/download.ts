/**
 * Fetches records into a file: in parts where the connection breaks, always of one version, and under its name only once
 * its digest is the one that the provider has told.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiClient } from "./api-client.ts";
import { CliError } from "./errors.ts";

const MAX_TRIES = 10;
const PAUSE_MS = 1_000;

export interface Downloaded {
  readonly bytes: number;
  readonly sha256: string;
}

/** `file` is absolute and must not exist; what an earlier run has left beside it is gone on with. */
export async function download(
  api: ApiClient,
  path: string,
  file: string,
  deps: {
    readonly signal: AbortSignal;
    readonly onProgress: (bytes: number, of: number) => void;
  },
): Promise<Downloaded> {
  const partial = `${file}.part`;
  const tagFile = `${file}.part.etag`;
  for (let tries = 1; ; tries += 1) {
    const held = (await stat(partial).catch(() => undefined))?.size ?? 0;
    const tag = held === 0 ? undefined : await readFile(tagFile, "utf8").catch(() => undefined);
    const headers: Readonly<Record<string, string>> =
      tag === undefined ? {} : { range: `bytes=${held}-`, "if-range": tag };
    const answer = await api.getStream(path, headers);
    const isGoingOn = answer.status === 206;
    const etag = answer.headers.get("etag");
    const target = await open(partial, isGoingOn ? "a" : "w", 0o600);
    let bytes = isGoingOn ? held : 0;
    const of = bytes + Number(answer.headers.get("content-length") ?? 0);
    try {
      if (!isGoingOn && etag !== null) await writeFile(tagFile, etag, { mode: 0o600 });
      for await (const part of answer.body as unknown as AsyncIterable<Uint8Array>) {
        await target.write(part);
        bytes += part.length;
        deps.onProgress(bytes, of);
      }
      await target.sync();
    } catch (error) {
      if (deps.signal.aborted || tries >= MAX_TRIES) throw error;
      await sleep(PAUSE_MS, undefined, { signal: deps.signal });
      continue;
    } finally {
      await target.close();
    }
    const wanted = /sha-256=:([^:]+):/.exec(answer.headers.get("repr-digest") ?? "")?.[1];
    const got = await sha256Of(partial);
    if (wanted !== got.toString("base64")) {
      await Promise.all([rm(partial), rm(tagFile, { force: true })]);
      throw new CliError("ERR_CLI_DOWNLOAD_WRONG", { file });
    }
    await rename(partial, file);
    await rm(tagFile, { force: true });
    return { bytes, sha256: got.toString("hex") };
  }
}

async function sha256Of(file: string): Promise<Buffer> {
  const hash = createHash("sha256");
  for await (const part of createReadStream(file)) hash.update(part as Buffer);
  return hash.digest();
}
