/** Which files a source may be: one regular file, named exactly, reached through no link. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { SourceError } from "./errors.ts";

/** Absolute path of the file. Throws ERR_SOURCE_PATH. */
export async function sourceFile(path: string): Promise<string> {
  const refuse = (why: string) => new SourceError("ERR_SOURCE_PATH", `${path}: ${why}`);
  if (path.includes("\0")) throw refuse("holds a zero byte");
  if (/[*?[\]{}]/.test(path)) throw refuse("patterns are refused: name one file exactly");
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) throw refuse("addresses are refused: name a local file");
  const absolute = resolve(path);
  const real = await realpath(absolute).catch((cause: NodeJS.ErrnoException) => {
    throw refuse(cause.code === "ENOENT" ? "no such file" : `cannot be read (${cause.code ?? "unknown"})`);
  });
  if (real !== absolute) throw refuse(`leads through a symbolic link: use ${real}`);
  const status = await lstat(absolute);
  if (!status.isFile()) throw refuse("is not a regular file");
  if (status.size === 0) throw refuse("is empty");
  return absolute;
}

/** Tells one state of a file from any other: also a rename there and back changes it. */
export async function fileState(file: string): Promise<string> {
  const { dev, ino, mode, size, mtimeNs, ctimeNs } = await lstat(file, { bigint: true });
  return [dev, ino, mode, size, mtimeNs, ctimeNs].join(" ");
}

/** Throws ERR_SOURCE_PATH unless the file is still in `state`. */
export async function demandUnchanged(file: string, state: string): Promise<void> {
  const now = await fileState(file).catch(() => undefined);
  if (now === state) return;
  throw new SourceError("ERR_SOURCE_PATH", `${file}: changed or replaced while it was open; read it again`);
}

/** SHA-256 of the bytes, base64url; bounded memory. */
export async function fileDigest(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("base64url");
}
