/** Where data are and with what they are had: the HTTP data address of a start (pull) and of a request (push). */
import type { DataAddress } from "./messages.ts";

/** Of the data plane profile that connectors share. */
const HTTP_ENDPOINT = "https://w3id.org/idsa/v4.1/HTTP";

export interface HttpAddress {
  readonly endpoint: string;
  /** A bearer token: a secret, and short-lived. */
  readonly token: string;
  /** Last instant of the token, UTC with Z; undefined where the other side does not say. */
  readonly expires: string | undefined;
  /** Where the consumer asks for the next token; undefined: by suspending and starting anew. */
  readonly refresh: string | undefined;
}

const NAMES = { token: "authorization", type: "authType", expires: "expiresAt", refresh: "refreshEndpoint" } as const;

export function dataAddressOf({ endpoint, token, expires, refresh }: HttpAddress): DataAddress {
  const property = (name: string, value: string | undefined) =>
    value === undefined ? [] : [{ "@type": "EndpointProperty" as const, name, value }];
  return {
    "@type": "DataAddress",
    endpointType: HTTP_ENDPOINT,
    endpoint,
    endpointProperties: [
      ...property(NAMES.token, token),
      ...property(NAMES.type, "bearer"),
      ...property(NAMES.expires, expires),
      ...property(NAMES.refresh, refresh),
    ],
  };
}

/** What a side keeps of an address that it was told: what it can use of it. */
export function keptAddress(address: DataAddress | undefined): DataAddress | undefined {
  if (address === undefined) return undefined;
  const { "@type": type, endpointType, endpoint, endpointProperties = [] } = address;
  const known: readonly string[] = Object.values(NAMES);
  const properties = known
    .map((name) => endpointProperties.find((one) => one.name === name))
    .filter((one) => one !== undefined)
    .map(({ name, value }) => ({ "@type": "EndpointProperty" as const, name, value }));
  return {
    "@type": type,
    endpointType,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(properties.length === 0 ? {} : { endpointProperties: properties }),
  };
}

/** Undefined for an address that is not one for bearer tokens over HTTP. */
export function httpAddressOf(address: DataAddress | undefined): HttpAddress | undefined {
  const value = (name: string) => address?.endpointProperties?.find((one) => one.name === name)?.value;
  const token = value(NAMES.token);
  const type = value(NAMES.type) ?? "bearer";
  if (address?.endpoint === undefined || token === undefined || type.toLowerCase() !== "bearer") return undefined;
  const expires = value(NAMES.expires);
  return {
    endpoint: address.endpoint,
    // Some connectors put the scheme before it.
    token: token.replace(/^Bearer /i, ""),
    expires: expires === undefined || Number.isNaN(Date.parse(expires)) ? undefined : expires,
    refresh: value(NAMES.refresh),
  };
}
