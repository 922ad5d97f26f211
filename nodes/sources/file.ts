/** Which files a source may be: one regular file, named exactly, reached through no link. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { SourceError, type SourceFault } from "./errors.ts";

/** Absolute path of the file. Throws ERR_SOURCE_PATH. */
export async function sourceFile(path: string): Promise<string> {
  const refuse = (why: string, code: SourceFault["code"], parameters: SourceFault["parameters"] = {}) =>
    new SourceError("ERR_SOURCE_PATH", `${path}: ${why}`, { fault: { at: path, code, parameters } });
  if (path.includes("\0")) throw refuse("holds a zero byte", "path-zero-byte");
  if (/[*?[\]{}]/.test(path)) throw refuse("patterns are refused: name one file exactly", "path-pattern");
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) {
    throw refuse("addresses are refused: name a local file", "path-address");
  }
  const absolute = resolve(path);
  const real = await realpath(absolute).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") throw refuse("no such file", "path-missing");
    throw refuse(`cannot be read (${cause.code})`, "path-unreadable", { reason: cause.code ?? "–" });
  });
  if (real !== absolute) throw refuse(`leads through a symbolic link: use ${real}`, "path-symbolic-link", { real });
  const status = await lstat(absolute);
  if (!status.isFile()) throw refuse("is not a regular file", "path-not-a-file");
  if (status.size === 0) throw refuse("is empty", "path-empty-file");
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
  throw new SourceError("ERR_SOURCE_PATH", `${file}: changed or replaced while it was open; read it again`, {
    fault: { at: file, code: "path-changed" },
  });
}

/** SHA-256 of the bytes, base64url; bounded memory. */
export async function fileDigest(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("base64url");
}
