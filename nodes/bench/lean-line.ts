/**
 * One HTTPS connection of a measuring client, one call at a time, read into one buffer that is used again: what a
 * client leaves to its collector makes pauses that would be counted as the server's.
 */
import { once } from "node:events";
import type { OnReadOpts } from "node:net";
import { type ConnectionOptions, connect } from "node:tls";
import { pinOfCertificate } from "../peer/tls-pin.ts";

const BUFFER_BYTES = 256 * 1024;
const HEAD_BYTES = 16 * 1024;

export interface LeanAnswer {
  readonly status: number;
  /** Empty without. */
  readonly link: string;
}

export interface LeanLine {
  /** Resolves at the last byte of the answer, which is not looked at. */
  post(path: string, headers: Readonly<Record<string, string>>, body: Uint8Array): Promise<LeanAnswer>;
}

/** @throws {Error} where the server shows another key than `pin`. */
export async function openLeanLine({ port, pin }: { readonly port: number; readonly pin: string }): Promise<LeanLine> {
  let waiting: { resolve(answer: LeanAnswer): void; reject(error: Error): void } | undefined;
  let head = "";
  let answer: LeanAnswer | undefined;
  let missing = 0;

  function read(bytes: Uint8Array): void {
    let from = 0;
    if (answer === undefined) {
      const before = head.length;
      head += Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEAD_BYTES)).toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      from = end + 4 - before;
      answer = { status: Number(head.slice(9, 12)), link: /^link: *(.*)$/im.exec(head.slice(0, end))?.[1] ?? "" };
      missing = Number(/^content-length: *(\d+)/im.exec(head)?.[1]);
    }
    missing -= bytes.length - from;
    if (missing > 0) return;
    const [done, got] = [waiting, answer];
    [waiting, answer, head] = [undefined, undefined, ""];
    // Without a length, or with more bytes than that: nothing that this client can read.
    if (missing === 0) done?.resolve(got);
    else socket.destroy(new Error(`an answer of status ${got.status} has no length, or is longer`));
  }

  const onread: OnReadOpts = {
    buffer: Buffer.allocUnsafe(BUFFER_BYTES),
    callback(length, bytes) {
      read(bytes.subarray(0, length));
      return true;
    },
  };
  // Node hands it on to the socket (tls.connect, `onread`); its types do not name it.
  const options: ConnectionOptions & { onread: OnReadOpts } = {
    host: "127.0.0.1",
    port,
    rejectUnauthorized: false,
    onread,
  };
  const socket = connect(options);
  socket.on("error", (error: Error) => waiting?.reject(error));
  socket.on("close", () => waiting?.reject(new Error("the connection was closed before the answer")));
  await once(socket, "secureConnect");
  const shown = pinOfCertificate(socket.getPeerX509Certificate()!);
  if (shown !== pin) throw new Error(`TLS key ${shown}, wanted ${pin}`);

  return {
    post: (path, headers, body) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
        const start = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${lines.join("")}content-length: ${body.length}\r\n\r\n`;
        socket.write(Buffer.concat([Buffer.from(start, "latin1"), body]));
      }),
  };
}
