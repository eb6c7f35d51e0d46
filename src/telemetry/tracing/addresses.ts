/** Addresses as they are written in Host and in the names of endpoints, taken apart for the attributes of spans. */

export interface HostAndPort {
  /** Without brackets; undefined when there is none. */
  host: string | undefined;
  port: number | undefined;
}

/** "a.example", "a.example:8080", "[::1]:8080". */
export function hostAndPort(text: string): HostAndPort {
  const parts = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text);
  if (parts === null) return { host: text === '' ? undefined : text, port: undefined };
  const [, v6, name, port] = parts;
  const host = v6 ?? name ?? '';
  return { host: host === '' ? undefined : host, port: port === undefined ? undefined : Number(port) };
}

export interface EndpointAddress extends HostAndPort {
  /** What the connection is made to; undefined when it is not known. */
  peer: string | undefined;
  /** "host:port" of a URL; undefined for sockets of this machine. */
  origin: string | undefined;
}

/** The name of an endpoint: "10.0.0.1:80", "[::1]:80", "name:80", "name:80@10.0.0.1", "unix:/run/app.sock". */
export function endpointAddress(name: string): EndpointAddress {
  if (name.startsWith('unix:')) {
    const path = name.slice('unix:'.length);
    return { host: path, port: undefined, peer: path, origin: undefined };
  }
  const at = name.lastIndexOf('@');
  const origin = at === -1 ? name : name.slice(0, at);
  const { host, port } = hostAndPort(origin);
  const isAddress = host !== undefined && /^[\d.]+$|:/.test(host);
  return { host, port, peer: at === -1 ? (isAddress ? host : undefined) : name.slice(at + 1), origin: origin === '' ? undefined : origin };
}
